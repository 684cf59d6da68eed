"""Bodies of events: durable with the events that tell of them, or these say that they are not.

A body that cannot be kept holds nothing up: the log goes on, and says from when to when it was so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

import msgspec

from appliance.audit.event import Event
from appliance.audit.events_bodies import bodies_lose, bodies_resume, bodies_stop
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from appliance.bodies.keeper import BodyKeeper
from appliance.bodies.shape import KEPT

_FAILED: Final = "failed"
_NOWHERE: Final = "未设置保存正文的位置 there is no place for bodies"
_COMMIT: Final = 4096
"""Events in one commit, at most."""


class Bodies:
    """What a scribe does with bodies; used by one thread at a time.

    Args:
        keeper: keeps them; None where none are kept.
    """

    def __init__(self, keeper: BodyKeeper | None) -> None:
        self._keeper = keeper
        self._lost = 0
        self._missed = 0

    def before(self, events: Sequence[Event]) -> tuple[list[Event], Sequence[Event]]:
        """Write the bodies of events down; `settled` waits until they are durable.

        Returns:
            What is to be recorded first, and the events as they may be recorded now.
        """
        missed, self._missed = self._missed, 0
        told = [bodies_lose(lost=missed)] if missed else []
        bodies = [event.body for event in events if event.body is not None]
        if not bodies:
            return told, events
        refusal = _NOWHERE if self._keeper is None else self._keeper.keep(bodies)
        if not refusal:
            lost, self._lost = self._lost, 0
            return [*told, *([bodies_resume(lost=lost)] if lost else [])], events
        if not self._lost:
            told.append(bodies_stop(reason=refusal))
        self._lost += len(bodies)
        return told, [event if event.body is None else _without(event) for event in events]

    def settled(self) -> None:
        """Wait until the bodies of the last events are durable. Raises DbError."""
        if self._keeper is not None:
            self._keeper.settled()

    def settle(self, reader: Callable[[], AuditReader]) -> None:
        """After the log was not closed in good order: hold bodies and entries against each other.

        Bodies whose entries the log does not hold are deleted. Entries of its last commit may lack
        theirs, where the power went before both were durable: nobody was answered then, and the next
        entry tells of it.
        """
        keeper = self._keeper
        if keeper is None or not keeper.exists():
            return
        with closing(reader()) as log:
            keeper.sweep(lambda receipt: bool(log.search(Query(receipt=receipt, limit=1))))
            self._missed = keeper.missing(list(_kept_last(log)))

    def close(self) -> None:
        """Close what is open; the next body opens it again."""
        if self._keeper is not None:
            self._keeper.close()


def _kept_last(log: AuditReader) -> Iterator[str]:
    """Receipts of the last commit whose entries say that a body is kept: they have one time."""
    starts = log.search(Query(tag="box:audit:start", limit=1))
    first = starts[0].index if starts else 0
    for entry in islice(log.select(Query(since=log.head().time), first), _COMMIT):
        details = entry.event.details
        receipt = details.get("receipt")
        if details.get("body") == KEPT and isinstance(receipt, str):
            yield receipt


def _without(event: Event) -> Event:
    return msgspec.structs.replace(event, details={**event.details, "body": _FAILED}, body=None)
