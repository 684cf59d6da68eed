"""Doubles for the rooms above the audit log: a log that remembers, and a clock set by hand."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.errors import AuditUnavailable

KEY = b"k" * 32


class RememberingAudit:
    """Keeps events in a list; fails closed while `broken` is set."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False

    def append(self, event: Event) -> "Future[Any]":
        future: Future[Any] = Future()
        if self.broken:
            future.set_exception(AuditUnavailable(reason="disk full"))
        else:
            self.events.append(event)
            future.set_result(None)
        return future

    async def record(self, event: Event) -> Any:
        return self.append(event).result()

    def tags(self) -> list[str]:
        return [event.tag for event in self.events]


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def open_db(path: Path, *migrations: Any) -> Db:
    return Db(path, KEY, [step for group in migrations for step in group])
