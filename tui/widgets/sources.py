"""What a source of a sentence means to a person: its label and the value that was entered."""

from collections.abc import Iterable, Mapping
from typing import Any

from tui import facts as keyfacts
from tui.inert import inert
from tui.widgets.fieldlist import FIELDS, FURTHER, SIDES


def label(source: str) -> str:
    """The label of a source or field; what nobody knows is shown as the box named it."""
    side = SIDES.get(source.split(".", 1)[0], "")
    fields = [field for field in FIELDS if keyfacts.touches(source, field.path)]
    if len(fields) == 1 or (fields and "grading" not in source):
        return inert(side + "/".join(field.zh.split(" ")[0] for field in fields), 60)
    words = [part for part in source.split(".") if part != "items" and not part.isdigit()]
    return inert(side + FURTHER[words[-1]] if words and words[-1] in FURTHER else source, 60)


def labels(sources: Iterable[str], facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each source's label and the value that was entered for it."""
    return [(label(source), inert(_value(source, facts) or "–", 80)) for source in sources]


def _value(source: str, facts: Mapping[str, Any]) -> str:
    fields = [field for field in FIELDS if keyfacts.touches(source, field.path)]
    values = [keyfacts.pick(facts, field.path) for field in fields]
    if not fields:
        values = [keyfacts.pick(facts, keyfacts.from_zero(source))]
    return " ".join(
        keyfacts.written(value)
        for value in values
        if value is not None and not isinstance(value, Mapping)
    )
