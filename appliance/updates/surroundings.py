"""What updates stand on: the audit log, the clocks, and what this box is."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from appliance.audit.event import Event
from appliance.updates.plan import Site


class Audit(Protocol):
    """The part of the audit log that updates need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the box and the world counts.

    Attributes:
        clock: The time.
        past: A time that is certainly past, such as that of the newest entry of the audit log.
        site: What this box is.
        doubt: Why what the disk tells of the past is not to be relied on, in Chinese and English; None
            when nothing speaks against it.
        monotonic: Seconds that no one can set.
    """

    clock: Callable[[], datetime]
    past: Callable[[], datetime]
    site: Callable[[], Site]
    doubt: Callable[[], tuple[str, str] | None] = lambda: None
    monotonic: Callable[[], float] = time.monotonic
