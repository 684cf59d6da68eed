"""Engines on their way out: each ends to its last byte, even when who asked for it is gone."""

import asyncio
import shutil

from appliance.serving.lease import LeaseOffice
from appliance.serving.resident import Phase, Resident
from models.errors import EngineDraining


class Endings:
    """Ends residents. Lives on one event loop.

    Args:
        office: Takes leases back.

    Attributes:
        tasks: What is under way, also replacements of engines: memory comes back when each is done.
        by_model: The ending of a model that its next loading waits for.
    """

    def __init__(self, office: LeaseOffice) -> None:
        self._office = office
        self.tasks: set[asyncio.Task[None]] = set()
        self.by_model: dict[str, asyncio.Task[None]] = {}

    def follow(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Wait for a task when the box closes; whoever asked for it may have left."""
        self.tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def dissolve(self, one: Resident) -> None:
        """End a resident: nothing new, running answers end, the process ends, the lease goes back."""
        ending = asyncio.create_task(self._undo(one, asyncio.current_task()), name="end-model")
        self.tasks.add(ending)
        self.by_model[one.model_id] = ending

        def over(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if self.by_model.get(one.model_id) is task:
                del self.by_model[one.model_id]

        ending.add_done_callback(over)
        await asyncio.shield(ending)

    async def _undo(self, one: Resident, asker: asyncio.Task[None] | None) -> None:
        task = one.task
        if task is not None and task is not asker and not task.done():
            task.cancel()
            await asyncio.wait({task})
        one.shut = True
        if one.phase is not Phase.FAILED:
            one.phase = Phase.DRAINING
        if one.pool is not None:
            # Running answers end; who still waits for a turn is told to come again.
            one.pool.turn_away(EngineDraining)
        if one.supervisor is not None:
            await one.supervisor.drain()
            folder = one.supervisor.spec.runtime_dir
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        one.hang_up()
        if one.lease is not None:
            await self._office.release(one.lease)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()
