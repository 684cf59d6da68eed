"""Serving: models from the shelf, each behind an engine that is started when somebody asks."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.errors import ApplianceError
from appliance.serving.errors import ModelLoading
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from appliance.serving.writing import Written, write
from models.engines.engine import Address
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import EngineStatus, Health, State
from models.errors import EngineLoading, ModelsError
from models.registry.manifest import Manifest
from models.registry.shelf import ShelvedModel

# A small model is up in this time: its first caller need not come twice.
_PATIENCE_S: Final = 2.0
_SWEEP_S: Final = 5.0
_ASKERS_PER_SLOT: Final = 16
# One connection more than slots keeps the engine fed; its other threads are for health checks.
_SPARE: Final = 1
# Prefixes kept between requests would tell one tenant by timing what another one asked.
_LLAMA_TAIL: Final = b',"cache_prompt":false'


class ModelSource(Protocol):
    """The shelf, as far as serving needs it."""

    def get(self, model_id: str) -> ShelvedModel:
        """A model; raises ModelUnknown."""
        ...

    def verify(self, model_id: str) -> Manifest:
        """Hash every byte again; raises ModelDamaged."""
        ...


class Maker(Protocol):
    """Makes engines; `appliance.serving.engine_maker.EngineMaker`."""

    def make(self, model: ShelvedModel) -> EngineSupervisor:
        """Plan an engine for a model."""
        ...


@dataclass(slots=True)
class _Served:
    """One model that was asked for."""

    model: ShelvedModel
    supervisor: EngineSupervisor
    used: float
    upstream: Upstream | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class ServedEngine:
    """One engine for the console; `since` is monotonic seconds of its last use."""

    model: str
    engine: str
    status: EngineStatus


class ServingService:
    """Answers "which engine serves this model" and keeps engines as they are wanted.

    Lives on one event loop. Every model is hashed again before its engine first sees it.

    Args:
        shelf: where models lie.
        maker: makes engines.
        default: the model of requests that name none.
        idle_unload_s: idle time after which a model (not the default one) is unloaded; 0: never.
    """

    def __init__(
        self,
        shelf: ModelSource,
        maker: Maker,
        *,
        default: str,
        idle_unload_s: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.traffic = Traffic(clock)
        self.default = default
        self.trouble: ApplianceError | ModelsError | None = None
        self._shelf = shelf
        self._maker = maker
        self._idle_s = idle_unload_s
        self._clock = clock
        self._served: dict[str, _Served] = {}
        self._starting = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to load the default model; whoever asks meanwhile is told how far it is."""
        self._sweeper = asyncio.create_task(self._sweep(), name="serving-sweeper")

    async def close(self) -> None:
        """Stop every engine."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        served, self._served = list(self._served.values()), {}
        await asyncio.gather(*(self._end(one) for one in served))

    def ready(self, model: str | None) -> Upstream | None:
        """The model's upstream when it can be asked right now; costs a few microseconds."""
        one = self._served.get(model or self.default)
        if one is None or one.upstream is None:
            return None
        if one.supervisor.status().state is not State.READY:
            one.upstream.pool.close()
            one.upstream = None
            return None
        one.used = self._clock()
        return one.upstream

    async def upstream(self, model: str | None) -> Upstream:
        """The model's upstream, after starting its engine if need be.

        Raises:
            ModelLoading: it is on its way; `facts` tell how far and when to ask again.
            ModelsError: ModelUnknown, ModelDamaged, DoesNotFit, EngineFailed.
        """
        one = await self._wanted(model or self.default)
        try:
            await one.supervisor.ensure_ready(_PATIENCE_S)
        except EngineLoading as error:
            percent = error.facts.get("percent", 0)
            raise ModelLoading(
                model=one.model.card.id,
                percent=percent,
                progress=percent / 100 if isinstance(percent, int) else 0.0,
                retry_after_s=error.facts.get("retry_after_s", 2),
            ) from error
        if one.upstream is None or one.address != one.supervisor.address:
            one.address = one.supervisor.address
            one.upstream = self._upstream(one)
        one.used = self._clock()
        return one.upstream

    async def write(
        self,
        model: str | None,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        seed: int = 0,
    ) -> AsyncGenerator[str | Written, None]:
        """Have a model write greedily for a service of the box itself.

        Args:
            model: model id, or None for the default one.
            messages: turns with `role` and `content`.
            max_tokens: the longest answer.
            seed: sampling seed, recorded with the answer.

        Yields:
            Text as it is written, then one `Written`.

        Raises:
            ApplianceError, ModelsError: no answer came, or it broke off.
        """
        upstream = self.ready(model) or await self.upstream(model)
        upstream.enter()
        try:
            async with aclosing(write(upstream, messages, max_tokens, seed)) as writing:
                async for piece in writing:
                    if isinstance(piece, Written):
                        self.traffic.answered(piece.prompt_tokens + piece.completion_tokens)
                    yield piece
        finally:
            upstream.leave()

    def status(self) -> list[ServedEngine]:
        """Every engine that was asked for."""
        return [
            ServedEngine(model_id, "llama.cpp", one.supervisor.status())
            for model_id, one in self._served.items()
        ]

    def default_state(self) -> str:
        """The state of the default model's engine; "failed" when it cannot even be planned."""
        one = self._served.get(self.default)
        if one is None and self.trouble is not None:
            return "failed"
        return "absent" if one is None else str(one.supervisor.status().state)

    async def deep_health(self, model: str | None = None) -> Health:
        """Have the engine write one real token."""
        one = await self._wanted(model or self.default)
        await one.supervisor.ensure_ready(_PATIENCE_S)
        return await one.supervisor.deep_health()

    async def forget(self, model: str) -> None:
        """Stop a model's engine after its running answers; the next request starts it anew."""
        one = self._served.pop(model, None)
        if one is not None:
            await self._end(one)

    async def _wanted(self, model_id: str) -> _Served:
        one = self._served.get(model_id)
        if one is not None:
            return one
        async with self._starting:
            if model_id not in self._served:
                # The shelf reads and hashes files: never on the event loop.
                model = await asyncio.to_thread(self._shelf.get, model_id)
                await asyncio.to_thread(self._shelf.verify, model_id)
                supervisor = await asyncio.to_thread(self._maker.make, model)
                self._served[model_id] = _Served(model, supervisor, self._clock())
            return self._served[model_id]

    def _upstream(self, one: _Served) -> Upstream:
        supervisor, address = one.supervisor, one.supervisor.address
        slots = supervisor.spec.placement.slots
        limit = max(256, slots * _ASKERS_PER_SLOT)
        endpoint = Endpoint(
            address.uds,
            address.host,
            address.port,
            supervisor.secret,
            limit=limit,
            width=slots + _SPARE,
        )
        traffic = self.traffic

        def enter() -> None:
            supervisor.enter()
            traffic.in_flight += 1

        def leave() -> None:
            supervisor.leave()
            traffic.in_flight -= 1

        return Upstream(
            model=one.model.card.id,
            digest=one.model.manifest.digest,
            adapter_digest=None,
            abilities=supervisor.capabilities,
            pool=UpstreamPool(endpoint),
            tail=_LLAMA_TAIL,
            enter=enter,
            leave=leave,
            count=traffic.answered,
        )

    @staticmethod
    async def _end(one: _Served) -> None:
        await one.supervisor.drain()
        if one.upstream is not None:
            one.upstream.pool.close()

    async def _sweep(self) -> None:
        """Load the default model, bring dead engines back, let idle and replaced ones go."""
        while True:
            try:
                await self.upstream(None)
                self.trouble = None
            except ModelLoading:
                self.trouble = None
            except (ApplianceError, ModelsError) as error:
                self.trouble = error
            for model_id, one in list(self._served.items()):
                if await self._is_over(model_id, one):
                    await self.forget(model_id)
            await asyncio.sleep(_SWEEP_S)

    async def _is_over(self, model_id: str, one: _Served) -> bool:
        idle = self._clock() - one.used
        if self._idle_s and idle > self._idle_s and model_id != self.default:
            return True
        try:
            now = await asyncio.to_thread(self._shelf.get, model_id)
        except ModelsError:
            return True
        return now.manifest.digest != one.model.manifest.digest
