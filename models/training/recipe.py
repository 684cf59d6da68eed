"""A training recipe: everything that decides a run, frozen, checked and readable from TOML."""

import math
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from models.training.errors import RecipeMalformed

Family = Literal["qwen3", "llama"]
Precision = Literal["float32", "bfloat16", "auto"]
Device = Literal["cpu", "cuda", "auto"]
_MAX_TOKENS, _MIN_TOKENS = 1 << 22, 16
_MAX_STEPS = 100_000_000
_MAX_RATE, _MAX_RANK, _MAX_ALPHA, _MAX_THREADS = 10.0, 1024, 4096, 1024
_Record = TypeVar("_Record")


def _require(*, holds: bool, field_name: str, reason: str) -> None:
    if not holds:
        raise RecipeMalformed(field=field_name, reason=reason)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a small decoder, in the terms of a transformers configuration."""

    family: Family = "qwen3"
    vocabulary: int = 4992
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    feed_forward: int = 768
    context: int = 2048
    rope_base: float = 10_000.0
    tied: bool = True

    def __post_init__(self) -> None:
        counts = ("vocabulary", "width", "layers", "heads", "kv_heads", "head_dim", "feed_forward")
        for name in (*counts, "context"):
            value = getattr(self, name)
            _require(
                holds=1 <= value <= _MAX_TOKENS, field_name=name, reason=f"{value} is out of range"
            )
        _require(
            holds=self.heads % self.kv_heads == 0, field_name="kv_heads", reason="must divide heads"
        )
        _require(holds=self.head_dim % 2 == 0, field_name="head_dim", reason="must be even")
        _require(holds=self.rope_base > 1, field_name="rope_base", reason="must be greater than 1")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how hard to train.

    Rates are per step. The learning rate rises over `warmup` steps, stays, and falls linearly to
    zero over the last `decay` part of the run. `minutes` (0: no limit) bounds the wall time: when
    the clock runs ahead of the steps, the clock drives the schedule, so a slower machine still
    ends with the full decay.
    """

    steps: int = 1000
    minutes: float = 0.0
    tokens_per_batch: int = 8192
    matrix_rate: float = 0.02
    other_rate: float = 0.003
    momentum: float = 0.95
    weight_decay: float = 0.01
    warmup: int = 50
    decay: float = 0.4
    clip: float = 1.0

    def __post_init__(self) -> None:
        _require(holds=1 <= self.steps <= _MAX_STEPS, field_name="steps", reason="must be positive")
        _require(holds=self.minutes >= 0, field_name="minutes", reason="must not be negative")
        tokens = self.tokens_per_batch
        _require(
            holds=_MIN_TOKENS <= tokens <= _MAX_TOKENS,
            field_name="tokens_per_batch",
            reason="out of range",
        )
        for name in ("matrix_rate", "other_rate", "clip"):
            value = getattr(self, name)
            _require(
                holds=0 < value <= _MAX_RATE, field_name=name, reason=f"{value} is out of range"
            )
        for name in ("momentum", "weight_decay", "decay"):
            value = getattr(self, name)
            _require(holds=0 <= value <= 1, field_name=name, reason=f"{value} is not in 0..1")
        _require(holds=self.warmup >= 0, field_name="warmup", reason="must not be negative")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter on every linear layer, with the embedding rows of unseen tokens.

    Low-rank updates cannot teach a token whose embedding was never trained, so those rows are
    trained themselves.
    """

    rank: int = 32
    alpha: int = 64
    dropout: float = 0.0
    rate: float = 0.001
    token_rows: bool = True

    def __post_init__(self) -> None:
        _require(holds=1 <= self.rank <= _MAX_RANK, field_name="rank", reason="must be in 1..1024")
        _require(
            holds=0 < self.alpha <= _MAX_ALPHA, field_name="alpha", reason="must be in 0..4096"
        )
        _require(holds=0 <= self.dropout < 1, field_name="dropout", reason="must be in 0..1")
        _require(holds=0 < self.rate <= 1, field_name="rate", reason="must be in 0..1")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run: what is trained, for how long, from which seed and on what.

    `precision` "auto" measures both types once and takes bfloat16 only where it is much faster;
    the two other values make a run repeatable on any machine. `ordered` keeps
    the order of the corpus in the first pass, for data that is a course of lessons.
    """

    name: str
    seed: int = 1
    shape: Shape = field(default_factory=Shape)
    schedule: Schedule = field(default_factory=Schedule)
    adapter: Adapter | None = None
    precision: Precision = "float32"
    device: Device = "cpu"
    threads: int = 1
    checkpoint_every: int = 200
    ordered: bool = False

    def __post_init__(self) -> None:
        _require(holds=bool(self.name.strip()), field_name="name", reason="must not be empty")
        _require(holds=0 <= self.seed < 2**32, field_name="seed", reason="must be in 0..2^32-1")
        _require(
            holds=1 <= self.threads <= _MAX_THREADS,
            field_name="threads",
            reason="must be in 1..1024",
        )
        _require(
            holds=self.checkpoint_every >= 1, field_name="checkpoint_every", reason="must be >= 1"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values; `parse` reads them back."""
        return asdict(self)


def parse(document: Mapping[str, Any]) -> Recipe:
    """Read a recipe from decoded TOML or JSON.

    Raises:
        RecipeMalformed: A key is unknown or missing, or a value has a wrong type or range.
    """
    return _record(Recipe, document, "recipe")


def load(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        RecipeMalformed: The file is unreadable, not TOML, or not a recipe.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise RecipeMalformed(field=path.name, reason=str(fault)) from fault
    return parse(document)


def _record(kind: type[_Record], document: object, where: str) -> _Record:
    if not isinstance(document, Mapping):
        raise RecipeMalformed(field=where, reason="must be a table")
    known = {entry.name for entry in fields(cast("Any", kind))}
    for key in document:
        if key not in known:
            raise RecipeMalformed(field=f"{where}.{key}", reason="unknown key")
    hints = get_type_hints(kind)
    values = {key: _value(hints[key], value, f"{where}.{key}") for key, value in document.items()}
    try:
        return kind(**values)
    except TypeError as fault:
        raise RecipeMalformed(field=where, reason=str(fault)) from fault


def _value(kind: Any, value: object, where: str) -> Any:
    if get_origin(kind) is types.UnionType:
        if value is None:
            return None
        kind = next(option for option in get_args(kind) if option is not types.NoneType)
    if is_dataclass(kind):
        return _record(cast("type[Any]", kind), value, where)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise RecipeMalformed(field=where, reason=f"must be one of {get_args(kind)}")
        return value
    return _plain(kind, value, where)


def _plain(kind: type, value: object, where: str) -> object:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise RecipeMalformed(field=where, reason="must be finite")
        return float(value)
    if type(value) is not kind:
        raise RecipeMalformed(field=where, reason=f"must be {kind.__name__}")
    return value
