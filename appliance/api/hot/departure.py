"""Notices a client that hangs up, and stops the work that was done for it."""

import asyncio
from collections import deque
from typing import Final

from starlette.types import Receive

# Most answers are whole before this: they never pay for a watcher.
PATIENCE_S: Final = 0.2


class Departure:
    """Cancels the task that made it once its client is gone; `gone` tells such a cancel from others.

    Make it after the whole body was received, and stop it before the answer is complete.
    """

    __slots__ = ("_receive", "_task", "_watcher", "gone", "over")

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self.over = False
        self._receive = receive
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Watch no longer."""
        self.over = True
        if self._watcher is not None and not self.gone:
            self._watcher.cancel()

    def begin(self) -> None:
        """Watch from now on."""
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()


class Departures:
    """Begins to watch requests that take longer than `PATIENCE_S`, by one timer for all of them."""

    def __init__(self) -> None:
        self._young: deque[Departure] = deque()
        self._old: deque[Departure] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, departure: Departure) -> None:
        """Watch a request once it turns out to be long."""
        self._young.append(departure)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._tick)

    def _tick(self) -> None:
        # What is here for the second time has waited for one to two periods.
        for departure in self._old:
            if not departure.over:
                departure.begin()
        self._old, self._young = self._young, deque()
        self._timer = None
        if self._old:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._tick)
