"""Jobs wait while the disk is short, and save their work and stop before it is full."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.audit.events_storage import volume_grow
from appliance.audit.log import AuditLog
from appliance.jobs.job import JobKind
from appliance.jobs.lender import Lender
from appliance.jobs.schedule import Schedules
from appliance.vault.space import Level, Space, SpaceKeeper

_LOOK_S: Final = 15.0
_MEASURE_EVERY: Final = 20


class SpaceGate:
    """A lender of jobs that also looks at the disk; everything else is the other lender's matter.

    Args:
        lender: lends memory and cores.
        space: what was last seen of the disk.
    """

    def __init__(self, lender: Lender, space: Callable[[], Space]) -> None:
        self._lender = lender
        self._space = space
        self._yields: dict[str, Callable[[], object]] = {}
        self._freed: Callable[[], object] = _nobody
        self._level = Level.OK

    async def borrow(
        self, job_id: str, kind: JobKind, on_yield: Callable[[], object] | None
    ) -> bool:
        """Lend as the other lender does, but nothing while the disk is short."""
        space = self._space()
        full = any(area.full for area in space.areas if area.name == "jobs")
        if full or space.level >= Level.LOW:
            return False
        if not await self._lender.borrow(job_id, kind, on_yield):
            return False
        if on_yield is not None:
            self._yields[job_id] = on_yield
        return True

    async def give_back(self, job_id: str) -> None:
        """Take back what a job held."""
        self._yields.pop(job_id, None)
        await self._lender.give_back(job_id)

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Call the listener when it is worth asking again, also because there is room again."""
        self._freed = listener
        self._lender.on_freed(listener)

    def notice(self, space: Space) -> None:
        """Take in what was seen of the disk; on the event loop of the jobs."""
        before, self._level = self._level, space.level
        if space.level >= Level.CRITICAL:
            # Each is asked once: a job that saves its work writes to the same disk.
            asked, self._yields = self._yields, {}
            for ask in asked.values():
                ask()
        if space.level is Level.OK and before is not Level.OK:
            self._freed()


def _nobody() -> None:
    """Nobody listens yet."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How a volume grows: what does it, and where it is recorded."""

    enlarge: Callable[[], object]
    log: AuditLog


class SpaceWatch:
    """Looks at the disk every so often and tells the gate of the jobs.

    Args:
        keeper: measures, and tends the log's reserve.
        gate: lets jobs start, and asks them to stop.
        growth: makes the volume larger, and what is told of it; None where nothing grows.
    """

    def __init__(self, keeper: SpaceKeeper, gate: SpaceGate, growth: Growth | None = None) -> None:
        self.keeper = keeper
        self._gate = gate
        self._growth = growth
        self._looks = 0

    def attend(self, schedules: Schedules) -> None:
        """Look now, and go on looking."""
        schedules.once("space at boot", self.look)
        schedules.every("space", _LOOK_S, self.look)

    async def look(self) -> None:
        """Look once; the areas are measured at the first look and at every twentieth."""
        measure = self._looks % _MEASURE_EVERY == 0
        self._looks += 1
        self._gate.notice(await asyncio.to_thread(self.keeper.look, measure=measure))

    async def grow(self, actor: str) -> Space:
        """Use the whole of a device that was made larger, and look at once.

        Raises:
            MountFailed: the volume does not grow; it goes on as it was.
        """
        if self._growth is None:
            return self.keeper.now
        before = (await asyncio.to_thread(self.keeper.look, measure=False)).total
        await asyncio.to_thread(self._growth.enlarge)
        after = await asyncio.to_thread(self.keeper.look, measure=False)
        await self._growth.log.record(volume_grow(actor, before=before, after=after.total))
        self._gate.notice(after)
        return after
