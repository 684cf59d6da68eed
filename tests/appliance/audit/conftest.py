"""Logs to test with: a clock that is set by hand, a key, and a way to open again."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.audit import events
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from secure_compute.signing import SigningKey

KEY = bytes(range(32))


class Clock:
    """Wall time that only moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Box:
    """A place for a log that can be opened again and again."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    identity: AuditIdentity = field(
        default_factory=lambda: AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
    )
    opened: list[AuditLog] = field(default_factory=list)

    def open(self, **options) -> AuditLog:
        options = {"clock": self.clock, "window_ms": 0, **options}
        log = AuditLog.open(self.path, KEY, self.identity, **options)
        self.opened.append(log)
        return log

    def crash(self, log: AuditLog) -> None:
        """End the writer as kill -9 would: no stop event, the lock gone."""
        log._writer._finish = lambda: None
        log.close()


@pytest.fixture
def box(tmp_path):
    place = Box(tmp_path / "audit.db")
    yield place
    for log in place.opened:
        log.close()


@pytest.fixture
def log(box):
    return box.open()


def note(number: int, actor: str = "key:a") -> events.Event:
    return events.completion_accept(actor, f"req_{number}", route="/v1/chat", model="m")
