"""Wire types of the capacity planner; sizes in bytes, times in seconds, rates a second."""

from typing import Annotated

from pydantic import ConfigDict, Field

from appliance.contract.base import Text, Wire

Count = Annotated[int, Field(ge=1, le=1 << 27)]


class PlanWish(Wire):
    """What shall be planned: a known model or one on the shelf, on cards that need not be here."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "Qwen3-32B", "gpus": "8x H20-96G", "tp": 8, "concurrency": 32}]
        }
    )

    model: Annotated[str, Field(min_length=1, max_length=128)]
    gpus: Annotated[str, Field(min_length=1, max_length=128)]
    tp: Count | None = None
    context: Count | None = None
    concurrency: Count | None = None
    prompt: Count | None = None
    output: Count | None = None
    precision: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    train: bool = False
    sequence: Count | None = None
    samples: Count | None = None
    rank: Count | None = None


class PlannedModel(Wire):
    """The model, as its shape tells."""

    name: str
    architecture: str
    parameters: int
    active_parameters: int
    layers: int
    context: int
    kv_bytes_per_token: int
    tensor_parallel_sizes: tuple[int, ...]


class PlannedHardware(Wire):
    """The cards; `uncertain` names what their maker has not published."""

    card: str
    vendor: str
    count: int
    memory_bytes: int
    bandwidth_bytes_s: float
    interconnect: str
    uncertain: tuple[str, ...]
    source: str


class PlannedLoad(Wire):
    """The load that was planned for."""

    context: int
    concurrency: int
    prompt: int
    output: int


class ServingBytes(Wire):
    """What one card holds while it serves."""

    weights: int
    kv_cache: int
    activations: int
    engine: int
    total: int
    usable: int
    margin: int


class LayoutView(Wire):
    """One way to put the model on the cards, and how fast it would be."""

    precision: str
    engine: str
    tensor_parallel: int
    replicas: int
    fits: bool
    card_bytes: ServingBytes
    most_concurrent: int
    prefill_tokens_s: float
    decode_tokens_s: float
    stream_tokens_s: float
    output_tokens_s: float
    requests_s: float
    ttft_s: float
    ttft_busy_s: float
    ttft_burst_s: float


class PrecisionView(LayoutView):
    """The best layout of one precision; `weights_bytes` counts all cards together."""

    weights_bytes: int


class AdviceView(Wire):
    """How to start an engine for the chosen layout; `declared`: the site brings it."""

    engine: str
    declared: bool
    options: tuple[str, ...]
    note: Text


class TrainingBytes(Wire):
    """What one card holds while it trains."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    engine: int
    total: int
    usable: int
    margin: int


class TrainingView(Wire):
    """One way to train."""

    method: str
    checkpointing: bool
    rank: int | None
    sequence: int
    samples_per_card: int
    trained_parameters: int
    fits: bool
    card_bytes: TrainingBytes
    step_s: float
    samples_s: float
    tokens_s: float


class PlanView(Wire):
    """The plan; `schema` grows when a key changes its meaning."""

    version: Annotated[int, Field(alias="schema")]
    model: PlannedModel
    hardware: PlannedHardware
    wish: PlannedLoad
    fits: bool
    chosen: LayoutView
    advice: AdviceView
    layouts: tuple[LayoutView, ...]
    precisions: tuple[PrecisionView, ...]
    training: tuple[TrainingView, ...]
