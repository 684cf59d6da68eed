"""The places at one engine: a count while there are free ones, a fair line once there are none."""

import asyncio
from collections.abc import Callable

from appliance.serving.fair_line import FairLine, cost_of


class Places:
    """As many requests as an engine answers at once; whoever comes beyond them waits for a turn.

    Who finds `free` above zero takes one off and needs nothing else from here; whoever had a place
    gives it back by `vacate`. Lives on one event loop.

    Args:
        width: How many places there are.
        most: The most requests that may wait for one.
    """

    __slots__ = ("_away", "_line", "_loop", "free")

    def __init__(self, width: int, most: int) -> None:
        self.free = width
        self._loop = asyncio.get_running_loop()
        self._line = FairLine(max(0, most))
        self._away: Callable[[], Exception] | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._line.waiting

    def vacate(self) -> None:
        """A place is free: whose turn it is has it."""
        while self._line.waiting:
            ticket = self._line.next(self._loop.time())
            waiter = None if ticket is None else ticket.waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
                return
        self.free += 1

    async def turn(self, asker: str, body: bytes, *, patient: bool) -> None:
        """Wait for a place; who leaves meanwhile is out of the line at once.

        Args:
            asker: Between whom turns are shared out.
            body: The request, by which its cost is estimated.
            patient: Whether nobody waits for its answer.

        Raises:
            ShareFull, EngineBusy: Too many wait.
            Exception: What everybody is turned away with.
        """
        if self._away is not None:
            raise self._away()
        ticket = self._line.join(asker, cost_of(body), len(body), patient=patient)
        waiter = ticket.waiter = self._loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            if not self._line.leave(ticket) and not waiter.cancelled() and not waiter.exception():
                # Its turn came as it left.
                self.vacate()
            raise

    def dismiss(self, over: Callable[[str], bool], why: Callable[[], Exception]) -> None:
        """Let nobody wait for an asker that is `over`: they get what `why` makes, the rest stay."""
        for ticket in self._line.drop(over):
            if ticket.waiter is not None and not ticket.waiter.done():
                ticket.waiter.set_exception(why())

    def turn_away(self, why: Callable[[], Exception]) -> None:
        """Let nobody wait any more: those who do, and whoever would have to, get what `why` makes."""
        self._away = why
        for ticket in self._line.clear():
            if ticket.waiter is not None and not ticket.waiter.done():
                ticket.waiter.set_exception(why())
