"""Which models are in memory: loaded once however many ask, evicted by need, never oversold."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from appliance.errors import ApplianceError
from appliance.serving.ending import Endings
from appliance.serving.errors import ModelNoRoom
from appliance.serving.failures import Failures
from appliance.serving.hot_adapters import check_adapters, swap
from appliance.serving.lease import LeaseOffice
from appliance.serving.resident import Habits, Phase, Resident
from appliance.serving.room import Maker, ModelSource, Room
from models.engines.lifecycle_table import State
from models.errors import EngineDraining, EngineFailed, ModelsError, ModelUnknown

# An engine that does not come up is started so often before the load counts as failed.
_STARTS: Final = 3
# An engine that kept dying until its pause has grown to this is given up.
_GIVE_UP_S: Final = 30


class Residency:
    """Owns every engine. Lives on one event loop.

    A model is first planned within what is left, then gets its lease, then is hashed again, and
    only then is its engine started; the lease goes back once the process is gone.

    Args:
        shelf: Where models lie.
        maker: Makes engines.
        office: Lends memory.
        habits: What may be put out, and what engines are started with.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        shelf: ModelSource,
        maker: Maker,
        office: LeaseOffice,
        habits: Habits,
        clock: Callable[[], float],
    ) -> None:
        self.failures = Failures(clock)
        self._shelf = shelf
        self._maker = maker
        self._office = office
        self._habits = habits
        self._clock = clock
        self._residents: dict[str, Resident] = {}
        self._room = Room(
            maker,
            office,
            self._residents.values,
            habits.kept,
            self._evict,
            clock,
        )
        self._beside: list[Resident] = []
        self._closed = False
        self._ends = Endings(office)

    @property
    def residents(self) -> Mapping[str, Resident]:
        """Models in memory or on their way there, by id."""
        return self._residents

    def begin(self, model_id: str) -> Resident:
        """The resident of a model; its loading begins when there is none.

        Raises:
            ModelFailed: It failed a moment ago.
            EngineDraining: The box closes.
        """
        if self._closed:
            raise EngineDraining
        one = self._residents.get(model_id)
        if one is None:
            self.failures.check(model_id)
            one = self._residents[model_id] = self._start(model_id)
        return one

    def _start(self, model_id: str) -> Resident:
        now = self._clock()
        one = Resident(model_id, self._habits.adapters(model_id), now, now)
        one.task = asyncio.create_task(self._load(one), name=f"load-{model_id}")
        return one

    async def ready(self, model_id: str, patience_s: float | None) -> Resident:
        """Wait until a model is ready.

        Raises:
            ModelLoading: It is on its way after `patience_s` seconds.
            ModelFailed, ModelNoRoom: It is not, and why.
            ModelsError: ModelUnknown, ModelDamaged, DoesNotFit, EngineFailed.
        """
        one = self.begin(model_id)
        with suppress(TimeoutError):
            # Not `wait_for`: it may lose a cancellation that comes as the wait ends.
            async with asyncio.timeout(patience_s):
                await one.settled.wait()
        if one.error is not None:
            raise one.error
        if one.phase is not Phase.READY or one.supervisor is None:
            raise one.loading(self._clock())
        if not one.alive():
            # It was ready and has died: its supervisor is bringing it back.
            with suppress(ModelsError):
                await one.supervisor.ensure_ready(patience_s or 0)
            if not one.alive():
                raise one.loading(self._clock())
        return one

    async def end(self, model_id: str) -> bool:
        """Let a model go: nothing new, running answers end, the process ends, the lease goes back.

        Returns:
            False when it was not there.
        """
        one = self._residents.pop(model_id, None)
        if one is None:
            return False
        await self._ends.dissolve(one)
        return True

    async def refresh(self, model_id: str) -> None:
        """Replace a model's engine by one with the model and its adapters as they are now.

        The new engine is started beside the old one where both fit, and takes over when it is
        ready; where they do not fit, the old one is drained first.

        Raises:
            ApplianceError, ModelsError: the new one did not come up; beside, the old one stays.
        """
        await asyncio.shield(self._begin_refresh(model_id))

    async def keep_up(self, one: Resident) -> bool:
        """Whether a model is still on the shelf; for another version of it, begin a `refresh`."""
        lying = await self.digest(one.model_id)
        under_way = {task.get_name() for task in self._ends.tasks}
        if lying not in {one.digest, None} and _renewal(one.model_id) not in under_way:
            _ = self._begin_refresh(one.model_id)
        return lying is not None

    def _begin_refresh(self, model_id: str) -> asyncio.Task[None]:
        name = _renewal(model_id)
        before = {task for task in self._ends.tasks if task.get_name() == name}
        task = asyncio.create_task(self._refresh(model_id, before), name=name)
        return self._ends.follow(task)

    async def _refresh(self, model_id: str, before: set[asyncio.Task[None]]) -> None:
        if before:
            # Two beside the old one would be one too many.
            await asyncio.wait(before)
        old = self._residents.get(model_id)
        now, adapters = await self.digest(model_id), self._habits.adapters(model_id)
        done = old is not None and old.digest == now
        if old is not None and done and before and old.adapters == adapters:
            return
        if old is not None and done and await swap(old, adapters):
            return
        if old is None or old.phase is not Phase.READY or not await self._fits_beside(model_id):
            await self.end(model_id)
            await self.ready(model_id, None)
            return
        new = self._start(model_id)
        self._beside.append(new)
        await new.settled.wait()
        self._beside.remove(new)
        self.failures.forgive(model_id)
        if new.phase is Phase.READY and self._residents.get(model_id) is old:
            self._residents[model_id] = new
            old.shut = True
            await old.served()
            await self._ends.dissolve(old)
            return
        await self._ends.dissolve(new)
        if new.error is not None:
            raise new.error

    async def _fits_beside(self, model_id: str) -> bool:
        model = await asyncio.to_thread(self._shelf.get, model_id)
        return await self._room.fits(model, self._habits.adapters(model_id))

    async def sweep(self) -> None:
        """Give up engines that keep dying, and forgive failures of models that have changed."""
        for one in list(self._residents.values()):
            status = one.status()
            dying = status.state is State.FAILED and status.retry_after_s >= _GIVE_UP_S
            if one.phase is Phase.READY and dying and status.reason is not None:
                why = EngineFailed(reason_zh=status.reason.zh, reason_en=status.reason.en)
                self._note(one, why)
                await self.end(one.model_id)
        for failure in self.failures.all():
            if await self.digest(failure.model) not in {failure.digest, None}:
                self.failures.forgive(failure.model)

    async def digest(self, model_id: str) -> str | None:
        """The digest of a model's manifest as it lies on the shelf; None when it is not there."""
        try:
            return (await asyncio.to_thread(self._shelf.get, model_id)).manifest.digest
        except ModelsError:
            return None

    async def close(self) -> None:
        """Let every model go, and wait until every process is gone."""
        self._closed = True
        for one in list(self._beside):
            await self._ends.dissolve(one)
        await asyncio.gather(*(self.end(model_id) for model_id in list(self._residents)))
        while self._ends.tasks:
            await asyncio.wait(set(self._ends.tasks))

    async def _evict(self, model_id: str) -> None:
        self._habits.told("evict", model_id, None)
        await self.end(model_id)

    # Loading ------------------------------------------------------------------------------------

    async def _load(self, one: Resident) -> None:
        """The task of one load: it ends ready, or dissolved with the reason kept."""
        try:
            await self._bring_up(one)
        except (ApplianceError, ModelsError) as error:
            await self._fail(one, error)
        except Exception as error:  # noqa: BLE001  (the engine task is one of the three walls)
            why = type(error).__name__
            await self._fail(one, EngineFailed(reason_zh=why, reason_en=why))
        finally:
            one.settled.set()

    async def _fail(self, one: Resident, error: ApplianceError | ModelsError) -> None:
        one.error = error
        one.phase = Phase.FAILED
        if self._residents.get(one.model_id) is one:
            del self._residents[one.model_id]
        if not isinstance(error, (ModelUnknown, ModelNoRoom)):
            self._note(one, error)
        await self._ends.dissolve(one)

    async def _bring_up(self, one: Resident) -> None:
        leaving = self._ends.by_model.get(one.model_id)
        if leaving is not None:
            await asyncio.wait({leaving})
        model = one.model = await asyncio.to_thread(self._shelf.get, one.model_id)
        # An adapter made for other weights under the same name would talk nonsense.
        fitting = [a for a in one.adapters if a.base_digest == model.manifest.digest]
        one.adapters = tuple(fitting)
        before = await self._room.lend(one, model)
        one.phase = Phase.CHECKING
        await asyncio.to_thread(self._check, one)
        paths = tuple(adapter.path for adapter in one.adapters)
        one.supervisor = await asyncio.to_thread(
            lambda: self._maker.make(
                model,
                reserved=before,
                adapters=paths,
                adapter_room=self._habits.adapter_room(one.model_id),
            )
        )
        one.engine = self._maker.engine(model)
        one.phase = Phase.LOADING
        for start in range(1, _STARTS + 1):
            try:
                await one.supervisor.ensure_ready(None)
                break
            except EngineFailed:
                if start == _STARTS:
                    raise
        one.phase = Phase.READY
        one.used = self._clock()
        self.failures.forgive(one.model_id)
        self._habits.told("load", one.model_id, None)

    def _check(self, one: Resident) -> None:
        """Hash the model and its adapters again: the engine sees nothing that has changed."""
        self._shelf.verify(one.model_id)
        check_adapters(one.adapters)

    def _note(self, one: Resident, error: ApplianceError | ModelsError) -> None:
        self.failures.note(one.model_id, one.digest, error, one.status().failure)
        self._habits.told("fail", one.model_id, error.code)


def _renewal(model_id: str) -> str:
    """The name of the task that replaces a model's engine."""
    return f"refresh-{model_id}"
