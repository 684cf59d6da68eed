"""Notices a client that hangs up, and stops the work that was done for it."""

import asyncio
from typing import Final

from starlette.types import Receive

# Most answers are whole before this: they never pay for a watcher.
_PATIENCE_S: Final = 0.05


class Departure:
    """Cancels the task that made it once its client is gone; `gone` tells such a cancel from others.

    Make it after the whole body was received, and stop it before the answer is complete.
    """

    __slots__ = ("_handle", "_receive", "_task", "_watcher", "gone")

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Departure belongs to a task")
        self.gone = False
        self._receive = receive
        self._task = task
        self._watcher: asyncio.Task[None] | None = None
        self._handle = task.get_loop().call_later(_PATIENCE_S, self._begin)

    def stop(self) -> None:
        """Watch no longer."""
        self._handle.cancel()
        if self._watcher is not None and not self.gone:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._task.cancel()
