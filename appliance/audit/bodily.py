"""Bodies of events: durable before the events that tell of them, or these say that they are not.

A body that cannot be kept holds nothing up: the log goes on, and says from when to when it was so.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

import msgspec

from appliance.audit.event import Event
from appliance.audit.events_bodies import bodies_resume, bodies_stop
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from appliance.bodies.keeper import BodyKeeper

_FAILED: Final = "failed"
_NOWHERE: Final = "未设置保存正文的位置 there is no place for bodies"


class Bodies:
    """What a scribe does with bodies; used by one thread at a time.

    Args:
        keeper: keeps them; None where none are kept.
    """

    def __init__(self, keeper: BodyKeeper | None) -> None:
        self._keeper = keeper
        self._lost = 0

    def before(self, events: Sequence[Event]) -> tuple[list[Event], Sequence[Event]]:
        """Make the bodies of events durable.

        Returns:
            What is to be recorded first, and the events as they may be recorded now.
        """
        bodies = [event.body for event in events if event.body is not None]
        if not bodies:
            return [], events
        refusal = _NOWHERE if self._keeper is None else self._keeper.keep(bodies)
        if not refusal:
            lost, self._lost = self._lost, 0
            return ([bodies_resume(lost=lost)] if lost else []), events
        first = not self._lost
        self._lost += len(bodies)
        told = [bodies_stop(reason=refusal)] if first else []
        return told, [event if event.body is None else _without(event) for event in events]

    def settle(self, reader: Callable[[], AuditReader]) -> None:
        """After the log was not closed in good order: delete bodies whose entries it does not hold."""
        if self._keeper is not None and self._keeper.exists():
            with closing(reader()) as log:
                self._keeper.sweep(
                    lambda receipt: bool(log.search(Query(receipt=receipt, limit=1)))
                )

    def close(self) -> None:
        """Close what is open; the next body opens it again."""
        if self._keeper is not None:
            self._keeper.close()


def _without(event: Event) -> Event:
    return msgspec.structs.replace(event, details={**event.details, "body": _FAILED}, body=None)
