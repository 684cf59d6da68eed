"""The form of the audit log's databases, as a release tells it: its steps and its statements.

The log is never put back, so a release may only widen it: the one before must be able to go on. Each
release carries `log_forms.json`; a vendor's tools, the plan of an update and the rehearsal hold two of
them against each other.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.db.widening import (
    NotWidening,
    carry_out,
    explain,
    in_memory,
    require_widening,
    widens,
)

FORMAT: Final = "wardbox-log-forms-v1"
NAME: Final = "log_forms.json"
PLACE: Final = f"appliance/updates/{NAME}"
"""Where it lies in the tree of a release."""
OWN: Final = Path(__file__).with_name(NAME)
MAX_BYTES: Final = 1 << 18
DATABASES: Final = ("audit.db", "bodies.db")


@dataclass(frozen=True, slots=True)
class Made:
    """One step of a form.

    Attributes:
        id: Of the migration.
        statements: What it carries out, in order.
    """

    id: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogForm:
    """One database of the log, as one release knows it.

    Attributes:
        name: "audit.db" or "bodies.db".
        steps: In order.
        spoken: Every statement that the release reads and writes it with.
    """

    name: str
    steps: tuple[Made, ...]
    spoken: tuple[str, ...]


Forms = tuple[LogForm, ...]


def read_forms(raw: bytes) -> Forms:
    """Read the forms that a release tells. Raises ValueError where they are none."""
    try:
        data = json.loads(raw)
        if data["format"] != FORMAT or set(data["databases"]) != set(DATABASES):
            raise ValueError(data["format"])
        return tuple(_form(name, data["databases"][name]) for name in DATABASES)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def forms_at(path: Path) -> Forms | None:
    """The forms in a file; None where there is none, as in releases that cannot bear a wider log."""
    try:
        with path.open("rb") as stream:
            return read_forms(stream.read(MAX_BYTES))
    except (OSError, ValueError):
        return None


def coming(old: Forms, new: Forms) -> tuple[str, ...]:
    """Ids of the steps that one release brings to the log of another, in order."""
    return tuple(
        step.id
        for before, after in zip(old, new, strict=True)
        for step in after.steps
        if step.id not in {one.id for one in before.steps}
    )


def require_bearable(old: Forms, new: Forms) -> tuple[str, ...]:
    """Hold the log of a new release against what the one before it does with the log.

    The old form is made in memory, the new steps are carried out on it one by one, and after each of
    them the old release's statements must still be taken; after the last one the new one's as well.

    Returns:
        Ids of the steps that come.

    Raises:
        NotWidening: The old release could not go on with it; the text says with what.
    """
    for before, after in zip(old, new, strict=True):
        _require_bearable(before, after)
    return coming(old, new)


def _require_bearable(old: LogForm, new: LogForm) -> None:
    here = {step.id: step for step in old.steps}
    there = {step.id: step for step in new.steps}
    for step in (*old.steps, *new.steps):
        if widens(step.id):
            require_widening(step.statements, step.id)
        elif here.get(step.id) != there.get(step.id):
            raise NotWidening(step.id)
    founded = [statement for step in old.steps for statement in step.statements]
    with closing(in_memory(founded)) as database:
        explain(database, old.spoken)
        for step in new.steps:
            if step.id not in here:
                carry_out(database, step.id, step.statements)
                explain(database, old.spoken)
        explain(database, new.spoken)


def _form(name: str, data: Any) -> LogForm:
    steps = tuple(Made(_text(row["id"]), _texts(row["statements"])) for row in data["steps"])
    if len({step.id for step in steps}) != len(steps):
        raise ValueError(name)
    return LogForm(name, steps, _texts(data["spoken"]))


def _texts(rows: Sequence[Any]) -> tuple[str, ...]:
    if not isinstance(rows, list):
        raise TypeError(type(rows).__name__)
    return tuple(_text(row) for row in rows)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value
