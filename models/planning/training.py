"""Memory and step time of training: full, LoRA and QLoRA, with and without checkpointing."""

from dataclasses import dataclass
from typing import Final, Literal

from models.hardware.sheet import CardSheet
from models.planning.errors import CountRefused
from models.planning.fleet import Fleet
from models.planning.memory import GIBIBYTE, USABLE
from models.planning.precision import BF16, operations
from models.planning.shape import ModelShape

Method = Literal["full", "lora", "qlora"]
METHODS: Final[tuple[Method, ...]] = ("full", "lora", "qlora")

# Mixed precision with AdamW (ZeRO, arXiv:1910.02054): 2 bytes of weight and 2 of gradient, and
# 12 of float32 copy, first and second moment.
_WEIGHT: Final = 2.0
_GRADIENT: Final = 2.0
_OPTIMISER: Final = 12.0
# 4-bit NormalFloat with doubly quantised scales (QLoRA, arXiv:2305.14314): 4.127 bits.
_NF4: Final = 4.127 / 8
_ENGINE: Final = 2 * GIBIBYTE
# Shares of the matrix throughput that training loops reach on large and on 4-bit weights.
_MATRIX_SHARE: Final = 0.4
_UNPACKING: Final = 0.7
_LINK_SHARE: Final = 0.7
_STEP_S: Final = 0.05
_MOST_TOKENS: Final = 1 << 27
_RANK: Final = 16


@dataclass(frozen=True, slots=True)
class Course:
    """One way to train.

    Attributes:
        method: "full", "lora" or "qlora".
        checkpointing: Whether activations are computed again instead of kept.
        rank: Rank of the adapter.
        sequence: Tokens of one sample.
        samples: Samples of one step on each card.
    """

    method: Method
    checkpointing: bool = True
    rank: int = _RANK
    sequence: int = 2048
    samples: int = 1


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What one card must hold, in bytes, and how long a step takes.

    Attributes:
        course: The way to train.
        cards: Cards over which samples, weights, gradients and optimizer are spread.
        trained: Weights that are trained.
        weights: Share of the weights.
        gradients: Share of the gradients.
        optimiser: Share of the optimizer's states.
        activations: What is kept for the way back, and logits.
        engine: Driver, kernels and one gathered layer.
        usable_bytes: What of a card's memory is planned with.
        step_s: Seconds of one step.
    """

    course: Course
    cards: int
    trained: int
    weights: int
    gradients: int
    optimiser: int
    activations: int
    engine: int
    usable_bytes: int
    step_s: float

    @property
    def total_bytes(self) -> int:
        """All of one card."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.engine

    @property
    def margin_bytes(self) -> int:
        """What is left on each card; negative where it does not fit."""
        return self.usable_bytes - self.total_bytes

    @property
    def fits(self) -> bool:
        """Whether it fits."""
        return self.margin_bytes >= 0

    @property
    def samples_s(self) -> float:
        """Samples a second over all cards."""
        return self.course.samples * self.cards / self.step_s

    @property
    def tokens_s(self) -> float:
        """Tokens a second over all cards."""
        return self.samples_s * self.course.sequence


def adapter_parameters(shape: ModelShape, rank: int) -> int:
    """Weights of a LoRA on every matrix of a layer: rank x (inputs + outputs) of each."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * (shape.hidden + queries) + 2 * (shape.hidden + keys)
    matrices = 3 if shape.gated else 2
    width, number = (shape.ffn, 1)
    if shape.experts is not None:
        width, number = shape.experts.ffn, shape.experts.count
    forward = matrices * number * (shape.hidden + width)
    return rank * shape.layers * (attention + forward)


def plan_training(shape: ModelShape, fleet: Fleet, course: Course) -> TrainingPlan:
    """Plans one way to train on all cards, sharded as by ZeRO-3 or FSDP.

    Raises:
        CountRefused: A number is out of range.
    """
    _check(shape, course)
    cards = fleet.count
    full = course.method == "full"
    trained = shape.parameters if full else adapter_parameters(shape, course.rank)
    stored = shape.parameters * (_NF4 if course.method == "qlora" else _WEIGHT)
    adapter = 0.0 if full else trained * _WEIGHT
    layer = stored / shape.layers
    return TrainingPlan(
        course=course,
        cards=cards,
        trained=trained,
        weights=round((stored + adapter) / cards),
        gradients=round(trained * _GRADIENT / cards),
        optimiser=round(trained * _OPTIMISER / cards),
        activations=round(_activations(shape, course)),
        # Sharded weights are gathered layer by layer, the next one while one is worked on.
        engine=round(_ENGINE + (2 * layer if cards > 1 else 0)),
        usable_bytes=round(fleet.sheet.memory_bytes * USABLE),
        step_s=_step_s(shape, fleet, course, stored),
    )


def _check(shape: ModelShape, course: Course) -> None:
    bounds = (
        ("--rank", course.rank, 4096),
        ("--sequence", course.sequence, shape.context),
        (
            "--samples",
            course.samples,
            _MOST_TOKENS // course.sequence if course.sequence > 0 else 1,
        ),
    )
    for field, value, most in bounds:
        if not 1 <= value <= most:
            raise CountRefused(field=field, value=value, least=1, most=most)


def _activations(shape: ModelShape, course: Course) -> float:
    """Bytes kept of one step, attention scores never (flash attention).

    Of a layer in 16 bits: input, both norms, attention output and residual (10 x hidden), queries,
    keys and values, and four vectors of the feed-forward part. With checkpointing only each
    layer's input is kept, and one layer is there in full at a time.
    """
    tokens = course.sequence * course.samples
    mixture = shape.experts
    width = shape.ffn if mixture is None else mixture.active * mixture.ffn + mixture.shared_ffn
    heads = (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    layer = 10 * shape.hidden + 2 * heads + 8 * width
    kept = 2 * shape.hidden * shape.layers + layer if course.checkpointing else layer * shape.layers
    # Logits in 32 bits, and their gradient.
    return tokens * (kept + 2 * 4 * shape.vocab)


def _step_s(shape: ModelShape, fleet: Fleet, course: Course, stored: float) -> float:
    """Forward 2, backward 4 operations for each weight and token; 2 more to compute again.

    Frozen weights need no gradients of their own, which spares 2.
    """
    tokens = course.sequence * course.samples
    passes = (6 if course.method == "full" else 4) + (2 if course.checkpointing else 0)
    attention = shape.attention_operations(course.sequence) * course.samples
    work = passes * shape.worked_parameters * tokens + passes / 2 * attention
    speed = operations(fleet.sheet, BF16) * _MATRIX_SHARE
    if course.method == "qlora":
        speed *= _UNPACKING
    working = work / speed
    return _STEP_S + max(working, _exchange_s(fleet.sheet, fleet.count, course, stored))


def _exchange_s(sheet: CardSheet, cards: int, course: Course, stored: float) -> float:
    """Weights are gathered on the way there and back, gradients scattered; it runs beside work."""
    if cards == 1:
        return 0.0
    rounds = 3 if course.method == "full" else 2
    return rounds * stored * (cards - 1) / cards / (sheet.link_bytes_s * _LINK_SHARE)
