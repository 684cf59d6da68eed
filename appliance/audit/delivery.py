"""Tells those who wait for a record what became of it, each in the loop or thread it waits in."""

import asyncio
from collections.abc import Callable

from appliance.audit.event import Event
from appliance.audit.scribe import Outcome
from appliance.errors import AuditUnavailable

Callback = Callable[[Outcome], None]
Waiting = tuple[Event, Callback, asyncio.AbstractEventLoop | None]
"""An event, whom to tell, and in which loop; None: at once, in the writer's own thread."""


def deliver(batch: list[Waiting], outcomes: list[Outcome]) -> None:
    """Call every callback: at once where no loop was named, else one call for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Callback, Outcome]]] = {}
    for (_, callback, loop), outcome in zip(batch, outcomes, strict=True):
        if loop is None:
            callback(outcome)
        elif loop in by_loop:
            by_loop[loop].append((callback, outcome))
        else:
            by_loop[loop] = [(callback, outcome)]
    for loop, calls in by_loop.items():
        try:
            loop.call_soon_threadsafe(_call_all, calls)
        except RuntimeError:
            # The loop was closed in the meantime: the event is recorded, nobody waits any more.
            continue


def refuse(batch: list[Waiting]) -> None:
    """Tell everybody that the log is closed."""
    deliver(batch, [AuditUnavailable(reason="已关闭 closed")] * len(batch))


def _call_all(calls: list[tuple[Callback, Outcome]]) -> None:
    for callback, outcome in calls:
        callback(outcome)
