"""Serving: answers "which engine serves this name" and keeps engines as they are wanted."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.errors import ApplianceError
from appliance.serving.adapter import Adapters
from appliance.serving.books import Books
from appliance.serving.deployment import Aim, Deployments
from appliance.serving.dismissal import dismiss
from appliance.serving.errors import AdapterRefused, ModelLoading, ModelNotLoaded
from appliance.serving.keeping import Keeper
from appliance.serving.lease import LeaseOffice
from appliance.serving.picture import ModelPicture, picture_of_failure, picture_of_resident
from appliance.serving.residency import Residency
from appliance.serving.resident import Habits, Phase, Resident
from appliance.serving.room import Maker, ModelSource
from appliance.serving.store import Keeping
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from appliance.serving.writing import Written, write
from models.engines.lifecycle_table import EngineStatus, Health
from models.errors import ModelsError

if TYPE_CHECKING:
    from appliance.serving.beyond import Beyond

# A small model is up in this time: its first caller need not come twice.
_PATIENCE_S: Final = 2.0
_SWEEP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ServedEngine:
    """One engine for the console; `queued` requests wait for one of its connections."""

    model: str
    engine: str
    status: EngineStatus
    queued: int = 0


class ServingService:
    """The engines of the box. Lives on one event loop.

    Args:
        shelf: Where models lie.
        maker: Makes engines.
        leases: Lends memory and cores.
        books: What is written down, and where.
        default: Model or served name of requests that name none.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        shelf: ModelSource,
        maker: Maker,
        leases: LeaseOffice,
        books: Books,
        *,
        default: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.traffic = Traffic(clock)
        self.default = default
        self.trouble: ApplianceError | ModelsError | None = None
        self.leases = leases
        self._shelf = shelf
        self._clock = clock
        self._salt = books.salt
        store, audit = books.store, books.audit
        self.adapters = Adapters(store, audit, shelf, books.adapters, books.clock)
        self.deployments = Deployments(store, audit, self._check_target, books.clock)
        self.keeper = Keeper(store, audit, books.idle_unload_s, self._standing)
        adapters = self.adapters
        habits = Habits(self.keeper.kept, adapters.live, adapters.room, self.keeper.happened)
        self.residency = Residency(shelf, maker, leases, habits, clock)
        self.beyond: Beyond | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what was decided, and begin to load what is wanted without being asked for."""
        for room in (self.leases, self.adapters, self.deployments, self.keeper):
            await room.start()
        self._sweeper = asyncio.create_task(self._sweep(), name="serving-sweeper")

    async def close(self) -> None:
        """Stop every engine."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await self.residency.close()

    # Asking -------------------------------------------------------------------------------------

    def ready(self, model: str | None) -> Upstream | None:
        """The upstream of a model or served name when it can be asked right now; microseconds.

        Of a served name's targets the one whose turn it is answers; while that one is still cold,
        another one does.
        """
        name = model or self.default
        split = self.deployments.split(name)
        if split is None:
            return self._offer(name, None)
        turn = split.pick()
        upstream = self._offer(turn.model, turn.adapter)
        if upstream is None:
            with suppress(ApplianceError, ModelsError):
                self.residency.begin(turn.model)
            for aim in split.aims:
                upstream = upstream or self._offer(aim.model, aim.adapter)
        return upstream

    async def upstream(self, model: str | None) -> Upstream:
        """The upstream of a model or served name, after starting its engine if need be.

        Raises:
            ModelLoading: It is on its way; `facts` tell how far and when to ask again.
            ModelFailed, ModelNoRoom, DeploymentDrained: It is not, and why.
            ModelsError: ModelUnknown, ModelDamaged, DoesNotFit, EngineFailed.
        """
        name = model or self.default
        self.deployments.require_open(name)
        split = self.deployments.split(name)
        aim = Aim(name) if split is None else split.pick()
        self.keeper.resting.discard(aim.model)
        if self.beyond is not None:
            await self.beyond.require(aim.model, self._shelf)
        one = await self.residency.ready(aim.model, _PATIENCE_S)
        upstream = self._offer(aim.model, aim.adapter)
        if upstream is not None:
            return upstream
        if aim.adapter is not None and one.alive():
            raise AdapterRefused(
                adapter=aim.adapter, reason_zh="尚未加载", reason_en="it is not loaded"
            )
        raise one.loading(self._clock())

    async def write(
        self,
        model: str | None,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        seed: int = 0,
        asker: str = "box",
    ) -> AsyncGenerator[str | Written, None]:
        """Have a model write greedily for a service of the box itself.

        Args:
            model: Model id or served name, or None for the default one.
            messages: Turns with `role` and `content`.
            max_tokens: The longest answer.
            seed: Sampling seed, recorded with the answer.
            asker: For whom: between askers a full engine is shared out.

        Yields:
            Text as it is written, then one `Written`.

        Raises:
            ApplianceError, ModelsError: no answer came, or it broke off.
        """
        upstream = self.ready(model) or await self.upstream(model)
        upstream.enter()
        try:
            async with aclosing(write(upstream, messages, max_tokens, seed, asker)) as writing:
                async for piece in writing:
                    if isinstance(piece, Written):
                        self.traffic.answered(piece.prompt_tokens + piece.completion_tokens)
                    yield piece
        finally:
            upstream.leave()

    def _offer(self, model: str, adapter: str | None) -> Upstream | None:
        upstream, one = None, self.residency.residents.get(model)
        if one is not None:
            upstream = one.offer(adapter, self.traffic, self._salt)
            if upstream is not None:
                one.used = self._clock()
        if self.beyond is not None:
            return self.beyond.offer(model, adapter, upstream, one)
        return upstream

    # Telling ------------------------------------------------------------------------------------

    def status(self) -> list[ServedEngine]:
        """Every engine that was asked for."""
        return [
            ServedEngine(model_id, one.engine, one.status(), one.pool.waiting if one.pool else 0)
            for model_id, one in self.residency.residents.items()
        ]

    def pictures(self) -> tuple[ModelPicture, ...]:
        """Every model that is in memory, on its way there, or failed, for the console."""
        now = self._clock()
        residents = self.residency.residents
        failed = [one for one in self.residency.failures.all() if one.model not in residents]
        return (
            *(picture_of_resident(one, self.keeper, now) for one in residents.values()),
            *(picture_of_failure(one, self.keeper, now) for one in failed),
        )

    def default_state(self) -> str:
        """The state of the default model's engine; "failed" when it cannot even be planned."""
        found = (self.residency.residents.get(model) for model in self._standing())
        states = [str(one.status().state) for one in found if one is not None]
        if not states:
            return "absent" if self.trouble is None else "failed"
        return "ready" if "ready" in states else states[0]

    async def deep_health(self, model: str | None = None) -> Health:
        """Have the engine write one real token."""
        name = model or self.default
        split = self.deployments.split(name)
        aim = Aim(name) if split is None else split.aims[0]
        one = await self.residency.ready(aim.model, _PATIENCE_S)
        if one.supervisor is None:
            raise one.loading(self._clock())
        return await one.supervisor.deep_health()

    # Deciding -----------------------------------------------------------------------------------

    async def load(self, model: str, actor: str) -> ModelPicture:
        """Load a model now, whatever failed before. The errors of `upstream` but ModelLoading."""
        await asyncio.to_thread(self._shelf.get, model)
        self.residency.failures.forgive(model)
        await self.keeper.ask("load", model, actor)
        one = self.residency.begin(model)
        with suppress(ModelLoading):
            await self.residency.ready(model, _PATIENCE_S)
        return picture_of_resident(one, self.keeper, self._clock())

    async def unload(self, model: str, actor: str) -> None:
        """Let a model go after its running answers. Raises ModelNotLoaded."""
        if model not in self.residency.residents:
            raise ModelNotLoaded(model=ascii(model[:64]))
        await self.keeper.ask("unload", model, actor)
        await self.residency.end(model)

    async def keep(self, model: str, keeping: Keeping, actor: str) -> None:
        """Decide how a model is kept; a pinned one is loaded within seconds."""
        await asyncio.to_thread(self._shelf.get, model)
        await self.keeper.decide(model, keeping, actor)

    def dismiss(self, over: Callable[[str], bool]) -> None:
        """Let nobody wait for a place any more whose asker is `over`; raised is AccessRefused."""
        dismiss(self.residency.residents.values(), self.beyond, over)

    def _check_target(self, model: str, adapter: str | None) -> None:
        self._shelf.get(model)
        if adapter is not None:
            self.adapters.check(model, adapter)

    def _standing(self) -> frozenset[str]:
        split = self.deployments.split(self.default)
        return frozenset({self.default} if split is None else {aim.model for aim in split.aims})

    # Sweeping -----------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Load what is wanted, let idle models go, renew others, keep hours."""
        while True:
            with suppress(ApplianceError, ModelsError):
                await self.leases.tick()
            for model in sorted(self.keeper.wanted()):
                await self._want(model)
            with suppress(ApplianceError, ModelsError):
                await self.residency.sweep()
            for one in list(self.residency.residents.values()):
                if await self._is_over(one):
                    self.keeper.happened("unload", one.model_id, None)
                    await self.residency.end(one.model_id)
            await asyncio.sleep(_SWEEP_S)

    async def _want(self, model: str) -> None:
        trouble: ApplianceError | ModelsError | None = None
        try:
            await self.residency.ready(model, 0.01)
        except ModelLoading:
            pass
        except (ApplianceError, ModelsError) as error:
            trouble = error
        if model in self._standing():
            self.trouble = trouble

    async def _is_over(self, one: Resident) -> bool:
        if one.phase is not Phase.READY:
            return False
        limit = self.keeper.idle_s(one.model_id)
        if limit and not one.in_flight and self._clock() - one.used > limit:
            return True
        return not await self.residency.keep_up(one)
