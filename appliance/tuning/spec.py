"""What a training job may ask for: known keys in known bounds, and never a path."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import Json

REFERENCE: Final = "reference"
ADAPTER: Final = "adapter"
RECIPES: Final = (REFERENCE, ADAPTER)
"""Recipes by name; "reference" is a small decoder taught by the record generator alone, "adapter" a
LoRA for a GGUF model of the shelf, which lands among the adapters, to be approved and loaded."""
_MODEL_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")


@dataclass(frozen=True, slots=True)
class TuningSpec:
    """A training job.

    Attributes:
        recipe: One of `RECIPES`.
        name: Model id of the result, free on the shelf; or the adapter's name.
        version: Its version.
        seed: Seed of the generator and of the weights.
        records: How many records the generator invents.
        minutes: Longest training in minutes.
        steps: Most steps.
        threads: Threads of the worker.
        boxes: On how many boxes of the cluster it runs in step; 1: on this one alone.
        base: Model on the shelf that an adapter is for; None for the other recipes.
        rank: Rank of an adapter.
        alpha: Its scale: what it adds is multiplied by alpha / rank.
        dataset: The submitter's own file of chats that an adapter learns instead of invented
            records; by id, so that no path stands here.
        epochs: Passes over that file, which decide the steps.
        rate: Multiplies the learning rate of an adapter.
        notes: Whatever the submitter wants to find again.
    """

    name: str
    recipe: str = "reference"
    version: str = "1"
    seed: int = 1
    records: int = 9_000
    minutes: float = 24.0
    steps: int = 1_000
    threads: int = 1
    base: str | None = None
    rank: int = 16
    alpha: int = 32
    dataset: str | None = None
    epochs: int | None = None
    rate: float = 1.0
    notes: dict[str, str] | None = None
    boxes: int = 1

    def to_json(self) -> Json:
        """Return it as plain JSON values."""
        return asdict(self)


_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "seed": (0, 2**32 - 1),
    "records": (32, 200_000),
    "minutes": (0.0, 7 * 24 * 60.0),
    "steps": (1, 10_000_000),
    "threads": (1, 256),
    "boxes": (1, 64),
    "rank": (1, 256),
    "alpha": (1, 4096),
    "rate": (0.01, 100.0),
}
_EPOCHS: Final = (1, 100)
_FRACTIONS: Final = frozenset({"minutes", "rate"})
_FILE_ID: Final = re.compile(r"file-[0-9a-f]{24}")
_MOST_NOTES: Final = 16
_LONGEST_NOTE: Final = 512


def read_spec(
    value: Json, taken: Callable[[str], bool], base: Callable[[str], str | None] = lambda _: None
) -> TuningSpec:
    """Judge a submitted spec.

    Args:
        value: The JSON object.
        taken: Tells whether a name is on the shelf, or among the adapters, already.
        base: Tells why a model cannot be trained on, None when it can.

    Raises:
        JobSpecInvalid: A key is unknown, missing, of a wrong type or out of bounds.
    """
    known = {each.name for each in fields(TuningSpec)}
    unknown = sorted(set(value) - known)
    if unknown:
        raise _invalid(unknown[0], "未知的键", "unknown key")
    if value.get("recipe", "reference") not in RECIPES:
        raise _invalid("recipe", f"可用 {', '.join(RECIPES)}", f"one of {', '.join(RECIPES)}")
    _text(value, "name", _MODEL_ID)
    _base(value, base)
    _dataset(value)
    _notes(value.get("notes"))
    if "version" in value:
        _text(value, "version", _VERSION)
    for field, (low, high) in _BOUNDS.items():
        if field in value:
            _number(value[field], field, low, high)
    spec = TuningSpec(**value)
    if spec.boxes > 1 and spec.recipe != REFERENCE:
        raise _invalid("boxes", "仅用于 reference", "is for the recipe reference")
    if taken(spec.name):
        raise _invalid("name", "货架上已有此模型", "the shelf already holds it")
    return spec


def _base(value: Json, base: Callable[[str], str | None]) -> None:
    """An adapter needs a base, and nothing else has one."""
    given = value.get("base")
    if value.get("recipe", REFERENCE) != ADAPTER:
        if given is not None:
            raise _invalid("base", "仅用于 adapter", "is for the recipe adapter")
        return
    _text(value, "base", _MODEL_ID)
    why = base(str(given))
    if why is not None:
        raise _invalid("base", "该模型不能作为训练基础", why)


def _dataset(value: Json) -> None:
    """A file is for an adapter, and is gone over so many times."""
    given, epochs = value.get("dataset"), value.get("epochs")
    if given is None:
        if epochs is not None:
            raise _invalid("epochs", "仅用于 dataset", "is for a dataset")
        return
    if value.get("recipe") != ADAPTER:
        raise _invalid("dataset", "仅用于 adapter", "is for the recipe adapter")
    if not isinstance(given, str) or not _FILE_ID.fullmatch(given):
        raise _invalid("dataset", "须为文件编号", "must be the id of a file")
    _number(epochs, "epochs", *_EPOCHS)


def _notes(given: Any) -> None:
    """A few short words under short names."""
    if given is None:
        return
    if not isinstance(given, dict) or len(given) > _MOST_NOTES:
        raise _invalid("notes", f"最多 {_MOST_NOTES} 项", f"at most {_MOST_NOTES} of them")
    for one in (*given.keys(), *given.values()):
        if not isinstance(one, str) or len(one) > _LONGEST_NOTE:
            raise _invalid("notes", "须为短文本", "must be short texts")


def _text(value: Json, field: str, pattern: re.Pattern[str]) -> None:
    given = value.get(field)
    if not isinstance(given, str) or not pattern.fullmatch(given):
        raise _invalid(field, "须为小写字母、数字、点、横线", "letters, digits, dot, hyphen")


def _number(given: Any, field: str, low: float, high: float) -> None:
    kinds = (int, float) if field in _FRACTIONS else (int,)
    if isinstance(given, bool) or not isinstance(given, kinds) or not low <= given <= high:
        raise _invalid(field, f"须在 {low:g} 至 {high:g} 之间", f"must lie in {low:g}..{high:g}")


def _invalid(field: str, zh: str, en: str) -> JobSpecInvalid:
    return JobSpecInvalid(field=ascii(field[:64]).strip("'"), reason_zh=zh, reason_en=en)
