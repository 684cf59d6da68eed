"""What to look for in the audit log, and whether an entry is it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from appliance.audit.event import Entry, Event
from secure_compute.canonical import canonical_bytes

MAX_FOUND: Final = 1000
_ANY: Final = "*"
NAMED_BY_SUBJECT: Final = ("model:engine:", "model:shelf:")
"""The beginnings of tags whose subject is a model."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; conditions hold together.

    Args:
        tag: a tag, or its beginning followed by "*".
        actor: who did it.
        since: first time, microseconds since 1970 UTC.
        until: last time, microseconds since 1970 UTC.
        request_id: the request that caused it.
        receipt: the receipt that names it.
        limit: at most this many, newest first; 1 to 1000.
        before: only entries below this index, to page on.
        patient: the pseudonym in the detail "patient".
        model: the model's id, or the digest of its manifest.
    """

    tag: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None
    request_id: str | None = None
    receipt: str | None = None
    limit: int = 100
    before: int | None = None
    patient: str | None = None
    model: str | None = None


def entry_of(index: int, leaf: bytes) -> Entry:
    """The entry that a leaf spells."""
    told: dict[str, Any] = orjson.loads(leaf)
    event = Event(told["tag"], told["actor"], told["subject"], told["request_id"], told["details"])
    return Entry(index, told["time"], told["boot"], event, leaf)


def models_in(tag: str, subject: str | None, details: Mapping[str, Any]) -> tuple[str, ...]:
    """The names under which an event is found by its model: its id, and the manifest's digest."""
    found = [details.get("model"), details.get("model_digest")]
    if tag.startswith(NAMED_BY_SUBJECT):
        found.append(subject)
    return tuple(name for name in found if isinstance(name, str))


def models_of(event: Event) -> tuple[str, ...]:
    """The names under which an event is found by its model."""
    return models_in(event.tag, event.subject, event.details)


def patient_of(event: Event) -> str | None:
    """The patient's pseudonym, where an event names one."""
    found = event.details.get("patient")
    return found if isinstance(found, str) else None


def meets(entry: Entry, query: Query) -> bool:
    """Whether an entry meets every condition but the paging."""
    event = entry.event
    return (
        _tagged(event.tag, query.tag)
        and query.actor in {None, event.actor}
        and query.request_id in {None, event.request_id}
        and query.receipt in {None, event.details.get("receipt")}
        and query.patient in {None, patient_of(event)}
        and (query.model is None or query.model in models_of(event))
        and (query.since is None or entry.time >= query.since)
        and (query.until is None or entry.time <= query.until)
    )


def probe(query: Query) -> Callable[[bytes], bool]:
    """A quick look at a leaf: False only where its entry cannot meet the query.

    Canonical JSON spells a value in one way, so an entry without that spelling is not meant; looking
    takes a tenth of the time of parsing.
    """
    needles = [
        canonical_bytes(text)
        for text in (query.request_id, query.receipt, query.patient, query.model)
        if text is not None
    ]
    if query.actor is not None:
        needles.append(b'{"actor":%b,"boot":' % canonical_bytes(query.actor))
    if query.tag is not None:
        whole = not query.tag.endswith(_ANY)
        spelt = canonical_bytes(query.tag if whole else query.tag[:-1])
        needles.append(b',"tag":' + (spelt if whole else spelt[:-1]))
    if len(needles) == 1:
        # The usual case, and this runs for each entry of an export.
        needle = needles[0]
        return lambda leaf: needle in leaf
    return lambda leaf: all(needle in leaf for needle in needles)


def _tagged(tag: str, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return tag.startswith(wanted[:-1]) if wanted.endswith(_ANY) else tag == wanted
