"""Refusals that a client can cause without end: counted, and told on the record once a second."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from appliance.access.errors import AccessRefused
from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.events_serving import completion_turn_away
from appliance.errors import ApplianceError

ANONYMOUS = "anonymous"


class Refused(NamedTuple):
    """One kind of refusal of one caller; `route` and `model` are empty where a key was refused."""

    actor: str
    code: str
    route: str = ""
    model: str = ""

    def told(self, count: int) -> Event:
        """The event for so many of them."""
        if self.route:
            return completion_turn_away(
                self.actor, route=self.route, model=self.model, code=self.code, count=count
            )
        told = events.key_refuse(self.actor, None, code=self.code)
        return replace(told, details={**told.details, "count": count})


UNKNOWN = Refused(ANONYMOUS, AccessRefused.code)
"""A key, session or password that nobody has."""


class Refusals:
    """Counts refusals by kind; a flood of them takes one event a second for each kind.

    `count` may be called from any thread; `tell` by one at a time. The sums on the record are right:
    what cannot be recorded is kept for the next time.

    Args:
        record: Puts an event on the audit record; returns when it is durable, or raises.
    """

    def __init__(self, record: Callable[[Event], None]) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._counts: dict[Refused, int] = {}

    def count(self, refused: Refused, by: int = 1) -> None:
        """Count one more."""
        with self._lock:
            self._counts[refused] = self._counts.get(refused, 0) + by

    def tell(self) -> None:
        """Put what was counted since the last time on the record. Raises AuditUnavailable."""
        with self._lock:
            counts, self._counts = self._counts, {}
        while counts:
            refused, count = counts.popitem()
            try:
                self._record(refused.told(count))
            except ApplianceError:
                self.count(refused, count)
                for other, more in counts.items():
                    self.count(other, more)
                raise
