"""Events, their outcomes and refusals in the form in which they pass to the writing process and back."""

from collections.abc import Sequence
from typing import Any, Final

from appliance.audit.errors import AuditTampered, EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.scribe import Outcome
from appliance.bodies.shape import Body
from appliance.db import errors as db_errors
from appliance.db.errors import DbError
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.errors import NotCanonical, SecureComputeError
from secure_compute.merkle import HASH_SIZE

Refusal = ApplianceError | SecureComputeError
Account = Sequence[Any]
"""Index and time of the first leaf, all hashes joined, and the events that can be no leaf."""

_KINDS: Final[tuple[type[Refusal], ...]] = (
    AuditTampered,
    AuditUnavailable,
    EventTooLarge,
    NotCanonical,
    *(
        kind
        for kind in vars(db_errors).values()
        if isinstance(kind, type) and issubclass(kind, DbError)
    ),
)
_REFUSALS: Final = {kind.code: kind for kind in _KINDS}


def rows_of(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Events as rows; `events_of` makes them again."""
    return [
        (one.tag, one.actor, one.subject, one.request_id, one.details, one.body) for one in events
    ]


def events_of(rows: Sequence[Sequence[Any]]) -> list[Event]:
    """The events of rows, as they came through a socket."""
    return [
        Event(tag, actor, subject, request, details, None if body is None else Body(*body))
        for tag, actor, subject, request, details, body in rows
    ]


def told_of(error: Refusal) -> dict[str, Any]:
    """A refusal as its code, facts and sentence."""
    facts = {
        name: value if isinstance(value, str | int | bool | None) else str(value)
        for name, value in error.facts.items()
    }
    return {"code": error.code, "facts": facts, "sentence": error.sentence}


def refusal_from(told: dict[str, Any]) -> Refusal:
    """The refusal that the other process told."""
    kind = _REFUSALS.get(told["code"])
    if kind is None:
        return AuditUnavailable(reason=told["sentence"])
    return kind(**told["facts"])


def account_of(outcomes: Sequence[Outcome]) -> Account:
    """What became of the events of one commit."""
    leaves = [outcome for outcome in outcomes if isinstance(outcome, Leaf)]
    refused = [
        (at, told_of(outcome))
        for at, outcome in enumerate(outcomes)
        if isinstance(outcome, ApplianceError | SecureComputeError)
    ]
    first, moment = (leaves[0].index, leaves[0].time) if leaves else (0, 0)
    return first, moment, b"".join(leaf.hash for leaf in leaves), refused


def outcomes_of(count: int, account: Account) -> list[Outcome]:
    """The outcome of each of `count` events."""
    first, time, hashes, told = account
    refused = dict(told)
    outcomes: list[Outcome] = []
    index: int = first
    begin: int = 0
    for at in range(count):
        if refused and at in refused:
            outcomes.append(refusal_from(refused[at]))
            continue
        end = begin + HASH_SIZE
        outcomes.append(Leaf(index, hashes[begin:end], index, time))
        index += 1
        begin = end
    return outcomes
