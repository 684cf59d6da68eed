"""What an engine is to the box: how it starts, where it listens, how one asks whether it lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from models.hardware.waiting import SHARED_CORES

CHAT: Final = "chat"
COMPLETIONS: Final = "completions"
EMBEDDINGS: Final = "embeddings"
TOKENIZE: Final = "tokenize"
DETOKENIZE: Final = "detokenize"
RERANK: Final = "rerank"
SCORE: Final = "score"
RESPONSES: Final = "responses"
MESSAGES: Final = "messages"
COUNT_TOKENS: Final = "count_tokens"
TOOLS: Final = "tools"
JSON_SCHEMA: Final = "json_schema"
VISION: Final = "vision"
LORA: Final = "lora"
DIMENSIONS: Final = "dimensions"
MODERATION: Final = "moderation"
ABILITIES: Final = frozenset(
    {
        *(CHAT, COMPLETIONS, EMBEDDINGS, TOKENIZE, DETOKENIZE, RERANK, SCORE, RESPONSES, MESSAGES),
        *(COUNT_TOKENS, MODERATION, DIMENSIONS, TOOLS, JSON_SCHEMA, VISION, LORA),
    }
)
"""Everything that an engine may be able to do.

The last four are properties of a chat, `DIMENSIONS` one of embeddings: vectors cut to a length, which
only a model that was trained for it gives. No engine of the box is known to do that or to judge
texts; a declared one may say so.
"""

Mode = Literal["generate", "embed", "rerank"]

# The environment that every engine gets: nothing of ours but how it shares cores; no proxy, no network, no telemetry.
QUIET: Final[Mapping[str, str]] = {
    "LANG": "C.UTF-8",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "NO_COLOR": "1",
    **SHARED_CORES,
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens: a Unix socket, or a loopback port.

    Attributes:
        uds: Path of the socket; it wins over host and port.
        host: Loopback address.
        port: TCP port.
    """

    uds: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how wide a model runs.

    Attributes:
        threads: CPU threads, never more than free cores.
        slots: Requests worked on at once.
        context: Tokens per slot.
        gpu_layers: Layers on accelerators; 0 keeps everything on the CPU.
        devices: Indices of the accelerators used.
        tensor_parallel: Cards that share every layer.
        vendor: Vendor of the accelerators, "" on the CPU.
        memory_share: Share of each card's memory that the engine may take, 0 to 1.
    """

    threads: int
    slots: int
    context: int
    gpu_layers: int = 0
    devices: tuple[int, ...] = ()
    tensor_parallel: int = 1
    vendor: str = ""
    memory_share: float = 0.9


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine to run.

    Attributes:
        model_id: Name under which requests ask for the model.
        model_path: File (or folder) of weights.
        address: Where it shall listen.
        secret: Bearer that the engine demands; never in argv, never in a log.
        runtime_dir: Private directory (0700) for its socket and secret file.
        placement: Where and how wide it runs.
        mode: "generate", "embed" or "rerank"; a server does one of them.
        adapters: LoRA adapters to load beside the model.
        adapter_room: How many of them an engine that takes them while it runs keeps room for.
        architecture: As in the model's file; it decides which parser reads tool calls.
        tools: Whether its chat template has a place for tools.
        thinks: Whether its chat template marks reasoning; a parser would take every answer of one
            that does not for reasoning.
        pooling: How vectors of tokens become one ("mean", "last", "cls"); "" is the model's own.
        projector: The part of a model that sees, a file beside the weights; None without one.
        called: What its engine calls the model; "" where that is `model_id`.
        cluster: Variables with which it finds the box's Ray node, for engines that are `clustered`.
    """

    model_id: str
    model_path: Path
    address: Address
    secret: str = field(repr=False)
    runtime_dir: Path
    placement: Placement
    mode: Mode = "generate"
    adapters: tuple[Path, ...] = ()
    architecture: str = ""
    tools: bool = False
    thinks: bool = False
    pooling: str = ""
    projector: Path | None = None
    called: str = ""
    cluster: Mapping[str, str] = field(default_factory=dict, repr=False)
    adapter_room: int = 0


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A request that only a working engine answers with `expect` in the body."""

    method: str
    path: str
    body: Mapping[str, object]
    expect: str


@dataclass(frozen=True, slots=True)
class LoadStep:
    """How far an engine has come with loading, as one line of its log tells.

    Attributes:
        phase: "start", "weights", "cache", "warmup" or "ready".
        share: Of the whole way, 0 to 1; None where the line names a phase only.
    """

    phase: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """Where a working engine's counters move.

    Attributes:
        path: Route of its Prometheus metrics.
        counters: Names whose sum grows with every step of work.
    """

    path: str
    counters: tuple[str, ...]


class Engine(Protocol):
    """An inference engine, described by pure functions of a specification."""

    @property
    def name(self) -> str:
        """Short name for logs and the console."""
        ...

    @property
    def external(self) -> bool:
        """Whether somebody else starts it, so that the box only asks and never launches."""
        ...

    @property
    def spawns(self) -> bool:
        """Whether it starts processes of its own, which a guard must end with it."""
        ...

    @property
    def clustered(self) -> bool:
        """Whether its workers run on the box's Ray node, and perhaps on other boxes."""
        ...

    @property
    def pulse(self) -> Pulse | None:
        """What tells a busy engine from a hung one; None when it has no such route."""
        ...

    def capabilities(self, spec: EngineSpec) -> frozenset[str]:
        """Which kinds of request it answers."""
        ...

    def load_step(self, line: str) -> LoadStep | None:
        """What a line of its log says about loading."""
        ...

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """The command line; holds no secret."""
        ...

    def env(self, spec: EngineSpec) -> dict[str, str]:
        """The whole environment of the process."""
        ...

    def files(self, spec: EngineSpec) -> Mapping[Path, str]:
        """Files to write (0600) before the start, such as the one with the secret."""
        ...

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """A real request of one token (or one embedding): the deep health check."""
        ...

    @property
    def liveness_path(self) -> str:
        """A cheap route that answers 200 once the model is loaded."""
        ...


def one_token_probe(spec: EngineSpec) -> ProbeRequest:
    """The probe shared by OpenAI-compatible engines: one token, one vector or one ranking."""
    if spec.mode == "rerank":
        wanted = {"model": spec.model_id, "query": "1", "documents": ["1"]}
        return ProbeRequest("POST", "/v1/rerank", wanted, "results")
    if spec.mode == "embed":
        asked: dict[str, object] = {"model": spec.model_id, "input": "1"}
        return ProbeRequest("POST", "/v1/embeddings", asked, "embedding")
    body: dict[str, object] = {
        "model": spec.model_id,
        "prompt": "1",
        "max_tokens": 1,
        "temperature": 0,
    }
    return ProbeRequest("POST", "/v1/completions", body, "choices")
