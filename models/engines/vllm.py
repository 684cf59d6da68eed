"""vLLM's OpenAI server in an environment of its own: argv and environment, nothing imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.engines.engine import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    QUIET,
    TOKENIZE,
    EngineSpec,
    ProbeRequest,
    one_token_probe,
)
from models.errors import EngineUnable

_MODULE = "vllm.entrypoints.openai.api_server"
_VISIBLE = {
    "nvidia": "CUDA_VISIBLE_DEVICES",
    "ascend": "ASCEND_RT_VISIBLE_DEVICES",
    "hygon": "HIP_VISIBLE_DEVICES",
    "cambricon": "MLU_VISIBLE_DEVICES",
    "mthreads": "MUSA_VISIBLE_DEVICES",
    "metax": "CUDA_VISIBLE_DEVICES",
}


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """What a site may choose.

    Attributes:
        dtype: Element type of the weights in memory.
        load_format: "auto" for files; "dummy" gives a real architecture random weights, which is
            how throughput is measured without them.
        executor: "mp" for one node, "ray" for several, None for one card.
        nodes: Machines in the group ("mp" only).
        node_rank: This machine's number in the group ("mp" only).
        master: Address of the first machine ("mp" over several nodes).
        pipeline_parallel: Stages over which layers are spread.
        quantisation: Scheme that the weights need told, if any.
        cpu_cache_bytes: Memory for keys and values on a CPU.
    """

    dtype: str = "auto"
    load_format: Literal["auto", "safetensors", "dummy"] = "auto"
    executor: Literal["mp", "ray"] | None = None
    nodes: int = 1
    node_rank: int = 0
    master: str = ""
    pipeline_parallel: int = 1
    quantisation: str | None = None
    cpu_cache_bytes: int = 4 << 30


class Vllm:
    """`python -m vllm.entrypoints.openai.api_server`, behind the gateway's allow-list.

    Its API key does not protect every route (`/invocations`, `/pause`, `/update_weights`), so it
    listens on a Unix socket or loopback only and the gateway passes on nothing but `/v1` routes.
    """

    name = "vllm"
    external = False
    liveness_path = "/health"

    def __init__(self, python: Path, options: VllmOptions | None = None) -> None:
        self._python = python
        self._options = options or VllmOptions()

    def capabilities(self, spec: EngineSpec) -> frozenset[str]:
        """Chat, completions and tokenising; or embeddings."""
        if spec.mode == "embed":
            return frozenset({EMBEDDINGS, TOKENIZE})
        return frozenset({CHAT, COMPLETIONS, TOKENIZE})

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """The command line; the key travels in the environment."""
        options, place = self._options, spec.placement
        arguments = [
            *(str(self._python), "-I", "-m", _MODULE),
            *("--model", str(spec.model_path), "--served-model-name", spec.model_id),
            *_listen(spec),
            *("--max-model-len", str(place.context), "--max-num-seqs", str(place.slots)),
            *("--dtype", options.dtype, "--load-format", options.load_format),
            *("--disable-log-stats", "--no-enable-log-requests"),
            "--disable-uvicorn-access-log",
        ]
        if place.devices:
            arguments += ["--gpu-memory-utilization", f"{place.memory_share:.2f}"]
        arguments += self._parallel(spec)
        if spec.mode == "embed":
            arguments += ["--runner", "pooling"]
        if options.quantisation:
            arguments += ["--quantization", options.quantisation]
        if spec.adapters:
            modules = [f"{adapter.name}={adapter}" for adapter in spec.adapters]
            arguments += ["--enable-lora", "--lora-modules", *modules]
        return tuple(arguments)

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

    def env(self, spec: EngineSpec) -> dict[str, str]:
        """The whole environment: the key, no telemetry, caches in the runtime directory."""
        cache = str(spec.runtime_dir)
        env = {
            **QUIET,
            "PATH": f"{self._python.parent}:/usr/bin:/bin",
            "HOME": cache,
            "VLLM_API_KEY": spec.secret,
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_DO_NOT_TRACK": "1",
            "VLLM_CACHE_ROOT": cache,
            "VLLM_LOGGING_LEVEL": "WARNING",
            "OMP_NUM_THREADS": str(spec.placement.threads),
        }
        variable = _VISIBLE.get(spec.placement.vendor)
        if variable:
            env[variable] = ",".join(map(str, spec.placement.devices))
        else:
            gigabytes = max(1, self._options.cpu_cache_bytes >> 30)
            env["VLLM_CPU_KVCACHE_SPACE"] = str(gigabytes)
        return env

    def files(self, _spec: EngineSpec) -> Mapping[Path, str]:
        """None."""
        return {}

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """One token, or one embedding."""
        return one_token_probe(spec)


def _listen(spec: EngineSpec) -> tuple[str, ...]:
    if spec.address.uds is not None:
        return ("--uds", str(spec.address.uds))
    return ("--host", spec.address.host, "--port", str(spec.address.port))
