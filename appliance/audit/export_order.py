"""What is asked of an export, what it is made of, who watches, and what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from appliance.audit.event import Entry
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from appliance.audit.rendering.files import FORMATS
from appliance.audit.rendering.meaning import Source
from appliance.audit.store import Head

FORMAT: Final = "wardbox-audit-export/2"


@dataclass(frozen=True, slots=True)
class Selection:
    """What goes into an export.

    Args:
        first: first entry; the first that the box still holds when None.
        last: last entry, inclusive; the newest when None.
        filter: further conditions; every entry of the range when None.
        formats: which renderings stand beside the entries, of `FORMATS`.
        bodies: whether prompts and answers are decrypted into it.
    """

    first: int | None = None
    last: int | None = None
    filter: Query | None = None
    formats: tuple[str, ...] = FORMATS
    bodies: bool = False


EVERYTHING: Final = Selection()


@dataclass(frozen=True, slots=True)
class Materials:
    """What an export is made of.

    Args:
        reader: the log.
        source: the box, as renderings name it.
        seal: signs a text as a note under the log's key.
        clock: the time that the manifest names.
        cosigned: every cosigned checkpoint of at most so many entries: size and whole note.
        keys: gives the verifier keys of those who cosigned, one line each.
        head: the state of the log to export, by default its newest; cosigned just now, say.
        body: the line of bodies.ndjson for an entry, None where it is of no answer.
    """

    reader: AuditReader
    source: Source
    seal: Callable[[str], bytes]
    clock: Callable[[], datetime]
    cosigned: Callable[[int], Iterable[tuple[int, bytes]]] = lambda _: ()
    keys: Callable[[], tuple[str, ...]] = tuple
    body: Callable[[Entry], bytes | None] = lambda _: None
    head: Callable[[], Head] | None = None


class Watch:
    """Who watches an export being made; this one does not mind."""

    def moved(self, done: int, total: int) -> None:
        """So many entries of so many were looked at."""

    def stopped(self) -> bool:
        """Whether the export is no longer wanted."""
        return False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Args:
        directory: where it lies.
        entries: how many entries.
        first: first index of the range.
        last: last index of the range, inclusive.
        tree_size: size of the signed tree.
        root: its root, hexadecimal.
    """

    directory: Path
    entries: int
    first: int
    last: int
    tree_size: int
    root: str


def described(query: Query | None) -> dict[str, Any] | None:
    """The conditions of a query, as a manifest and the record tell them; None where there are none."""
    if query is None:
        return None
    conditions = {
        "actor": query.actor,
        "model": query.model,
        "patient": query.patient,
        "receipt": query.receipt,
        "request_id": query.request_id,
        "since": query.since,
        "tag": query.tag,
        "until": query.until,
    }
    return {name: value for name, value in conditions.items() if value is not None}
