"""The embedded engine: upstream `llama-server`, started with everything switched off we don't use."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from models.engines.engine import (
    CHAT,
    COMPLETIONS,
    COUNT_TOKENS,
    DETOKENIZE,
    EMBEDDINGS,
    JSON_SCHEMA,
    LORA,
    MESSAGES,
    QUIET,
    RERANK,
    RESPONSES,
    TOKENIZE,
    TOOLS,
    VISION,
    EngineSpec,
    LoadStep,
    Placement,
    ProbeRequest,
    Pulse,
    one_token_probe,
)
from models.engines.progress import llama_cpp_step
from models.errors import EngineMissing, EngineUnable

SERVER = "llama-server"
_BACKENDS = {"nvidia": "CUDA", "hygon": "ROCm", "mthreads": "MUSA", "ascend": "CANN"}
_GPU_ENV = {
    "mthreads": "MUSA_VISIBLE_DEVICES",
    "ascend": "ASCEND_RT_VISIBLE_DEVICES",
    "nvidia": "CUDA_VISIBLE_DEVICES",
    "hygon": "HIP_VISIBLE_DEVICES",
}
_LARGE_PAGES = "glibc.malloc.hugetlb=1"
"""Weights in transparent huge pages, where the kernel leaves that to who asks."""
# HTTP threads of llama-server block while a slot works, so there must be more than slots.
_SPARE_HTTP_THREADS = 4


def find_llama_server(candidates: Iterable[Path]) -> Path:
    """The first candidate that is, or holds, an executable `llama-server`.

    Raises:
        EngineMissing: None of them does.
    """
    for candidate in candidates:
        program = candidate / SERVER if candidate.is_dir() else candidate
        if program.is_file() and program.stat().st_mode & 0o111:
            return program
    raise EngineMissing(program=SERVER)


def backend_of(server: Path, vendor: str) -> Path | None:
    """The library beside a server that drives a vendor's cards; None when it was built without."""
    backend = _BACKENDS.get(vendor, "").lower()
    names = {"rocm": "hip"}.get(backend, backend)
    found = sorted(server.parent.glob(f"libggml-{names}.so*")) if names else []
    return found[0] if found else None


class LlamaCpp:
    """`llama-server` of llama.cpp: continuous batching over slots, on CPU or GPU layers."""

    name = "llama.cpp"
    external = False
    spawns = False
    clustered = False
    liveness_path = "/health"
    # The first counter moves with every batch, so a long prompt is seen to be worked on.
    pulse: Pulse | None = Pulse(
        "/metrics", ("llamacpp:n_decode_total", "llamacpp:tokens_predicted_total")
    )

    def __init__(self, server: Path) -> None:
        self._server = server

    def capabilities(self, spec: EngineSpec) -> frozenset[str]:
        """Chat and what belongs to it; embeddings and ranking need a server of their own."""
        if spec.mode == "embed":
            return frozenset({EMBEDDINGS, TOKENIZE, DETOKENIZE})
        if spec.mode == "rerank":
            return frozenset({RERANK, TOKENIZE, DETOKENIZE})
        able = {CHAT, COMPLETIONS, RESPONSES, MESSAGES, COUNT_TOKENS, TOKENIZE, DETOKENIZE}
        # A grammar that the server makes from the request: no model is without it.
        able.add(JSON_SCHEMA)
        if spec.tools:
            able.add(TOOLS)
        if spec.projector is not None:
            able.add(VISION)
        if spec.adapters:
            able.add(LORA)
        return frozenset(able)

    def load_step(self, line: str) -> LoadStep | None:
        """Phases, from its log."""
        return llama_cpp_step(line)

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """The command line.

        The context given to the server is shared by its slots, so it is slots x context. Slots
        and properties routes are closed: they show prompts of other requests.
        """
        place = spec.placement
        arguments = [
            str(self._server),
            *("--model", str(spec.model_path), "--alias", spec.model_id),
            *_listen(spec),
            *("--api-key-file", str(_key_file(spec))),
            *("--ctx-size", str(place.context * place.slots), "--parallel", str(place.slots)),
            *("--threads", str(place.threads), "--threads-batch", str(place.threads)),
            *("--threads-http", str(place.slots + _SPARE_HTTP_THREADS)),
            *("--fit", "off", "--no-webui", "--no-slots", "--metrics", "--offline"),
            # Engine logs never hold prompts: level 3 is warnings and information about loading.
            *("--log-verbosity", "3", "--no-context-shift"),
            # A cache in host memory beside the slots would keep prompts of other tenants around.
            *("--cache-ram", "0"),
        ]
        arguments += _devices(place)
        if spec.mode == "embed":
            arguments += ["--embeddings", *(("--pooling", spec.pooling) if spec.pooling else ())]
        elif spec.mode == "rerank":
            arguments += ["--reranking"]
        else:
            arguments += ["--jinja"]
        if spec.projector is not None:
            arguments += ["--mmproj", str(spec.projector)]
        return (*arguments, *_adapters(spec))

    def env(self, spec: EngineSpec) -> dict[str, str]:
        """The whole environment: quiet, and only the chosen cards visible."""
        env = {**QUIET, "PATH": "/usr/bin:/bin", "HOME": str(spec.runtime_dir)}
        env["LLAMA_CACHE"] = str(spec.runtime_dir)
        if spec.placement.gpu_layers == 0:
            env["GLIBC_TUNABLES"] = _LARGE_PAGES
        variable = _GPU_ENV.get(spec.placement.vendor)
        if variable:
            env[variable] = ",".join(map(str, spec.placement.devices))
        return env

    def files(self, spec: EngineSpec) -> Mapping[Path, str]:
        """The key file; llama-server reads one key per line."""
        return {_key_file(spec): spec.secret + "\n"}

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """One token, or one embedding."""
        return one_token_probe(spec)


def _adapters(spec: EngineSpec) -> tuple[str, ...]:
    """One argument for all: of a repeated one llama-server takes the last only.

    Raises:
        EngineUnable: A comma in a path, which would be taken for the next path.
    """
    paths = [str(path) for path in spec.adapters]
    if any("," in path for path in paths):
        raise EngineUnable(engine="llama.cpp", what="适配器路径含逗号 comma in an adapter's path")
    # A request that names no adapter is answered by the base, never by all of them at once.
    return ("--lora", ",".join(paths), "--lora-init-without-apply") if paths else ()


def _key_file(spec: EngineSpec) -> Path:
    return spec.runtime_dir / "engine.key"


def _devices(place: Placement) -> list[str]:
    """Names the cards, because a server that is only told "layers" falls back to the CPU silently.

    Raises:
        EngineUnable: llama.cpp has no back end for this vendor.
    """
    if place.gpu_layers == 0:
        # Read into memory of its own: what is mapped comes through the vault page by page, and is
        # walked by small pages for every token.
        return ["--device", "none", "--load-mode", "none"]
    backend = _BACKENDS.get(place.vendor)
    if backend is None:
        raise EngineUnable(engine="llama.cpp", what=place.vendor or "GPU")
    # The visible cards are numbered anew from zero.
    names = ",".join(f"{backend}{number}" for number in range(max(1, len(place.devices))))
    return ["--gpu-layers", str(place.gpu_layers), "--device", names]


def _listen(spec: EngineSpec) -> tuple[str, ...]:
    # llama-server takes a host that ends in ".sock" for the path of a Unix socket.
    if spec.address.uds is not None:
        return ("--host", str(spec.address.uds))
    return ("--host", spec.address.host, "--port", str(spec.address.port))
