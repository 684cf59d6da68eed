"""Room for a model: its lease within what is left, after idle ones and willing jobs made way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

from appliance.serving.errors import LeaseRefused, ModelNoRoom
from appliance.serving.eviction import Candidate, choose
from appliance.serving.lease import Lease, LeaseOffice, shown
from appliance.serving.resident import LoadedAdapter, Phase, Resident
from models.engines.lifecycle import EngineSupervisor
from models.errors import DoesNotFit
from models.planning.reservations import HOST, Claim, Reservations
from models.registry.manifest import Manifest
from models.registry.shelf import ShelvedModel

# Who was asked a moment ago is not idle, or two models would put each other out by turns.
SETTLE_S: Final = 5.0
# A job that was asked to yield writes its checkpoint in this time.
_YIELD_S: Final = 120.0
_MOST_ROUNDS: Final = 32


class ModelSource(Protocol):
    """The shelf, as far as serving needs it."""

    def get(self, model_id: str) -> ShelvedModel:
        """A model; raises ModelUnknown."""
        ...

    def verify(self, model_id: str) -> Manifest:
        """Hash every byte again; raises ModelDamaged."""
        ...


class Maker(Protocol):
    """Plans engines; nothing is started. `appliance.serving.engine_maker.EngineMaker`."""

    def claim(self, model: ShelvedModel, reserved: Reservations) -> Claim:
        """What a model takes of each place within what is left; raises DoesNotFit."""
        ...

    def engine(self, model: ShelvedModel) -> str:
        """The name of the engine that runs it."""
        ...

    def make(
        self,
        model: ShelvedModel,
        *,
        reserved: Reservations | None = None,
        adapters: tuple[Path, ...] = (),
        adapter_room: int = 0,
    ) -> EngineSupervisor:
        """Plan an engine for a model, as `claim` placed it."""
        ...


class Room:
    """Gets a model its lease. Lives on one event loop; one model is placed at a time.

    Args:
        maker: Tells what a model takes.
        office: Lends it.
        residents: The models that are in memory now.
        kept: Whether a model is never put out.
        evict: Puts an idle model out; returns once its memory is back.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        maker: Maker,
        office: LeaseOffice,
        residents: Callable[[], Iterable[Resident]],
        kept: Callable[[str], bool],
        evict: Callable[[str], Awaitable[object]],
        clock: Callable[[], float],
    ) -> None:
        self._maker = maker
        self._office = office
        self._residents = residents
        self._kept = kept
        self._evict = evict
        self._clock = clock
        self._placing = asyncio.Lock()

    async def fits(self, model: ShelvedModel, adapters: Sequence[LoadedAdapter]) -> bool:
        """Whether a model with its adapters fits into what is left, with nobody put out."""
        extra = sum(adapter.size for adapter in adapters)
        try:
            await asyncio.to_thread(self._claim, model, self._office.reserved, extra)
        except DoesNotFit:
            return False
        return True

    async def lend(self, one: Resident, model: ShelvedModel) -> Reservations:
        """Get the model's lease; return the ledger as it was when the model was placed.

        Raises:
            DoesNotFit: It is too large for this machine, whoever else leaves.
            ModelNoRoom: Those that hold the memory may not be put out now.
        """
        extra = sum(adapter.size for adapter in one.adapters)
        deadline = self._clock() + _YIELD_S
        with ExitStack() as waiting:
            for _ in range(_MOST_ROUNDS):
                async with self._placing:
                    await self._office.observe()
                    before = self._office.reserved
                    freed = await self._try(one, model, before, extra)
                if freed is None:
                    return before
                if not freed.is_set():
                    waiting.enter_context(self._office.urgent())
                    await self._wait(one, freed, deadline)
        # Others were quicker every time.
        raise self._no_room(one.model_id, {})

    async def _try(
        self, one: Resident, model: ShelvedModel, before: Reservations, extra: int
    ) -> asyncio.Event | None:
        """Lend what is left, or make room; the event that is set when trying again makes sense."""
        freed, again = self._office.next_freed(), asyncio.Event()
        again.set()
        try:
            claim = await asyncio.to_thread(self._claim, model, before, extra)
        except DoesNotFit:
            empty = Reservations(before.capacity, {})
            claim = await asyncio.to_thread(self._claim, model, empty, extra)
            return freed if await self._make_room(one.model_id, claim) else again
        try:
            one.lease = await self._office.take(one.model_id, "serve", claim)
        except LeaseRefused:
            # A job was quicker.
            return again
        return None

    async def _wait(self, one: Resident, freed: asyncio.Event, deadline: float) -> None:
        try:
            await asyncio.wait_for(freed.wait(), deadline - self._clock())
        except TimeoutError:
            raise self._no_room(one.model_id, {}) from None

    def _claim(self, model: ShelvedModel, reserved: Reservations, extra: int) -> Claim:
        claim = dict(self._maker.claim(model, reserved))
        place = next(iter(sorted(claim)), HOST)
        claim[place] = claim.get(place, 0) + extra
        lacking = reserved.lacking(claim)
        if lacking:
            raise DoesNotFit(needed=shown(claim), free=shown({p: reserved.free(p) for p in claim}))
        return claim

    async def _make_room(self, model_id: str, claim: Claim) -> bool:
        """Put out who is idle, or ask who is willing.

        Returns:
            Whether one has to wait for what was asked back.

        Raises:
            ModelNoRoom: All of them together would not be enough.
        """
        lacking = self._office.reserved.lacking(claim)
        idle = self._idle()
        chosen = choose(lacking, [_candidate(one) for one in idle]) if lacking else ()
        if chosen is not None:
            for candidate in chosen:
                # Somebody may have asked it while the one before was put out.
                if candidate.name in {one.model_id for one in self._idle()}:
                    await self._evict(candidate.name)
            return False
        willing = self._office.willing("serve")
        # Idle models rank before jobs: they are put out once the jobs have given back the rest.
        jobs = [Candidate(one.id, one.claim, self._clock()) for one in willing]
        leaving = [Candidate(one.id, one.claim, 0.0) for one in self._leaving(idle, willing)]
        asked = choose(lacking, [*(_candidate(one) for one in idle), *jobs, *leaving])
        if asked is None:
            raise self._no_room(model_id, claim)
        names = {candidate.name for candidate in asked}
        await self._office.ask(one for one in willing if one.id in names)
        return True

    def _idle(self) -> list[Resident]:
        now = self._clock()
        return [
            one
            for one in self._residents()
            if one.phase is Phase.READY
            and not one.in_flight
            and now - one.used >= SETTLE_S
            and not self._kept(one.model_id)
        ]

    def _leaving(self, idle: Sequence[Resident], willing: Sequence[Lease]) -> list[Lease]:
        """Leases of engines that are being ended: their memory comes back by itself."""
        known = {one.lease.id for one in self._residents() if one.lease is not None}
        known |= {one.id for one in willing} | {one.lease.id for one in idle if one.lease}
        return [
            one for one in self._office.leases() if one.purpose == "serve" and one.id not in known
        ]

    def _no_room(self, model_id: str, claim: Claim) -> ModelNoRoom:
        lacking = self._office.reserved.lacking(claim) or claim or self._office.reserved.capacity
        return ModelNoRoom(
            model=model_id,
            lacking=shown(lacking),
            holders=self._office.told(lacking),
            retry_after_s=15,
        )


def _candidate(one: Resident) -> Candidate:
    return Candidate(one.model_id, {} if one.lease is None else one.lease.claim, one.used)
