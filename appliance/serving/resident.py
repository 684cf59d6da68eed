"""One model in memory, or on its way there: its engine, its lease and the upstreams it offers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.errors import ApplianceError
from appliance.serving.errors import ModelLoading
from appliance.serving.keeping import Happened
from appliance.serving.lease import Lease
from appliance.serving.tails import VLLM, salt_of, tail_of
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from models.engines.engine import Address
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import EngineStatus, State
from models.errors import EngineDraining, ModelsError
from models.registry.shelf import ShelvedModel

_ASKERS_PER_SLOT: Final = 16
# One connection more than slots keeps the engine fed; its other threads are for health checks.
_SPARE: Final = 1
_LONGEST_WAIT_S: Final = 60
_LOOK_S: Final = 0.05
_WAY_S: Final = 5.0


class Phase(StrEnum):
    """How far a model is."""

    WAITING = "waiting"
    CHECKING = "checking"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter that an engine is started with.

    Attributes:
        id: The adapter.
        digest: Digest of its manifest, which receipts name.
        base_digest: Digest of the manifest of the model that it was made for.
        sha256: Digest of its file.
        path: Its file.
        size: Bytes.
    """

    id: str
    digest: str
    base_digest: str
    sha256: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Habits:
    """What the residency asks and tells outside.

    Attributes:
        kept: Models that are never put out for another one (pinned, the default).
        adapters: Adapters that an engine of a model is started with.
        adapter_room: How many it should have room for, so that more can be loaded while it runs.
        told: Called with what happened ("load", "evict", "fail"), the model and a code.
    """

    kept: Callable[[str], bool] = lambda _: False
    adapters: Callable[[str], tuple[LoadedAdapter, ...]] = lambda _: ()
    adapter_room: Callable[[str], int] = lambda _: 0
    told: Callable[[Happened, str, str | None], None] = lambda *_: None


@dataclass(slots=True)
class Resident:
    """One model and what it holds; the residency moves it, one task at a time.

    Attributes:
        model_id: The model.
        adapters: What its engine is started with, in the order of the command line.
        began: When loading began; `used` when it was last asked. Monotonic seconds.
        phase: How far it is.
        settled: Set once it is ready or will never be.
        error: Why it will never be.
        shut: Whether nobody new is counted in: another one has its place, or it is on its way out.
    """

    model_id: str
    adapters: tuple[LoadedAdapter, ...]
    began: float
    used: float
    phase: Phase = Phase.WAITING
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    error: ApplianceError | ModelsError | None = None
    model: ShelvedModel | None = None
    supervisor: EngineSupervisor | None = None
    engine: str = "llama.cpp"
    lease: Lease | None = None
    task: asyncio.Task[None] | None = None
    pool: UpstreamPool | None = None
    address: Address | None = None
    upstreams: dict[str | None, Upstream] = field(default_factory=dict)
    shut: bool = False
    _offers: Callable[[], None] | None = None

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return 0 if self.supervisor is None else self.supervisor.status().in_flight

    @property
    def digest(self) -> str:
        """Digest of the model's manifest, "" before it was read."""
        return "" if self.model is None else self.model.manifest.digest

    def status(self) -> EngineStatus:
        """The engine's picture; before there is one, the picture of a start."""
        if self.supervisor is not None:
            return self.supervisor.status()
        return EngineStatus(State.STARTING, 0.0, 0, None, 0, None, 2)

    def alive(self) -> bool:
        """Whether its engine answers at this moment."""
        supervisor = self.supervisor
        return (
            self.phase is Phase.READY
            and supervisor is not None
            and supervisor.status().state is State.READY
        )

    def offer(self, adapter: str | None, traffic: Traffic, secret: bytes = b"") -> Upstream | None:
        """The upstream of the base or of an adapter when it can be asked right now.

        Args:
            adapter: The adapter, or None for the base alone.
            traffic: Counts requests.
            secret: Key of the salts that keep callers' cached prefixes apart.
        """
        if not self.alive():
            self.hang_up()
            return None
        if self.pool is None or self.supervisor is None or self.address != self.supervisor.address:
            self._connect(traffic, secret)
        return self.upstreams.get(adapter)

    def adopt(self, adapters: tuple[LoadedAdapter, ...]) -> None:
        """Offer these adapters from now on; its engine holds them, and no connection is closed."""
        self.adapters = adapters
        self.upstreams = {}
        if self._offers is not None:
            self._offers()

    async def served(self) -> None:
        """Wait until nobody waits for a place at its engine or is on the way to it, or it is gone.

        Who is counted in and holds no connection is still on the way, or done and not counted out:
        such a one is waited for no longer than `_WAY_S`.
        """
        ends = asyncio.get_running_loop().time() + _WAY_S
        while (pool := self.pool) is not None and self.alive():
            now = asyncio.get_running_loop().time()
            ends = now + _WAY_S if pool.waiting else ends
            if not pool.waiting and (self.in_flight <= pool.in_flight or now > ends):
                return
            await asyncio.sleep(_LOOK_S)

    def hang_up(self) -> None:
        """Close the connections to the engine; the next offer makes new ones."""
        pool, self.pool = self.pool, None
        self.upstreams = {}
        if pool is not None:
            pool.close()

    def loading(self, now: float) -> ModelLoading:
        """How far it is, for a caller who has to come again."""
        percent = round(self.status().progress * 100)
        return ModelLoading(
            model=self.model_id,
            percent=percent,
            progress=percent / 100,
            phase=self.phase.value,
            seconds_loading=round(now - self.began, 1),
            retry_after_s=self.wait_s(now),
        )

    def wait_s(self, now: float) -> int:
        """Seconds after which asking again makes sense, from how long the part done took."""
        status = self.status()
        if self.phase is not Phase.LOADING or not 0.02 < status.progress < 1:  # noqa: PLR2004
            return max(2, min(_LONGEST_WAIT_S, status.retry_after_s))
        left = (now - self.began) / status.progress * (1 - status.progress)
        return max(1, min(_LONGEST_WAIT_S, round(left)))

    def _connect(self, traffic: Traffic, secret: bytes) -> None:
        supervisor, model = self.supervisor, self.model
        if supervisor is None or model is None:
            return
        self.hang_up()
        address = self.address = supervisor.address
        slots = supervisor.spec.placement.slots
        endpoint = Endpoint(
            address.uds,
            address.host,
            address.port,
            supervisor.secret,
            limit=max(256, slots * _ASKERS_PER_SLOT),
            width=slots + _SPARE,
        )

        def enter() -> None:
            if self.shut:
                raise EngineDraining
            supervisor.enter()
            traffic.in_flight += 1

        def leave() -> None:
            supervisor.leave()
            traffic.in_flight -= 1

        pool = self.pool = UpstreamPool(endpoint)
        salt = salt_of(self.engine, secret)

        def offers() -> None:
            for place, one in [(None, None), *enumerate(self.adapters)]:
                self.upstreams[None if one is None else one.id] = Upstream(
                    model=self.model_id,
                    digest=model.manifest.digest,
                    adapter_digest=None if one is None else one.digest,
                    abilities=supervisor.capabilities,
                    pool=pool,
                    tail=tail_of(self.engine, len(self.adapters), place),
                    enter=enter,
                    leave=leave,
                    heard=supervisor.heard,
                    count=traffic.answered,
                    engine=self.engine,
                    context=supervisor.spec.placement.context,
                    salt=salt,
                    called=_called(self.engine, supervisor.spec.called, one),
                    content=_content(model, one),
                )

        self._offers = offers
        offers()


def _called(engine: str, called: str, adapter: LoadedAdapter | None) -> str:
    """The name in a request: vLLM knows an adapter by its own, others by members of the box's."""
    return adapter.id if adapter is not None and engine == VLLM else called


def _content(model: ShelvedModel, adapter: LoadedAdapter | None) -> str:
    """What two boxes must have in common to answer alike: each signs manifests of its own."""
    content = model.manifest.content
    if adapter is None:
        return content
    return sha256(f"{content}+{adapter.sha256}".encode()).hexdigest()
