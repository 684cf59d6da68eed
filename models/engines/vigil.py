"""Watches a ready engine: a real token when it is idle, moving counters when it is busy."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.engines.engine import Address, Engine, EngineSpec, ProbeRequest
from models.engines.lifecycle_table import Health, Limits
from models.engines.probe import ProbeAnswer, ask, fault

_METRIC: Final = re.compile(
    rb"^([A-Za-z_:][A-Za-z0-9_:]{0,100})(?:\{[^}\n]*\})? ([0-9.eE+-]{1,40})$", re.MULTILINE
)


@dataclass(slots=True)
class Heard:
    """What is known of an engine's work.

    Attributes:
        at: When it was last known to move, monotonic seconds.
        counted: The sum of its counters then; None before the first.
    """

    at: float
    counted: float | None = None


class Vigil:
    """Judges one life of an engine by what it gives, never by an open port.

    An idle engine is asked for one token. A busy one would let the question queue, so its counters
    are read instead: if neither they nor the gateway (`heard`) see it move for `Limits.hung_s`
    while requests wait, it is hung, even though it may still answer its health route.
    """

    def __init__(
        self,
        engine: Engine,
        spec: EngineSpec,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._spec = spec
        self._limits = limits
        self._clock = clock
        self._heard = Heard(clock())
        self._told = False

    def heard(self) -> None:
        """The engine gave something to somebody."""
        self._heard.at = self._clock()

    def told(self) -> None:
        """The gateway passed a piece of an answer on, and so will tell of the next one too."""
        self._told = True
        self.heard()

    async def alive(self, address: Address) -> bool:
        """Whether the cheap route answers 200, which many engines do once the model is loaded."""
        request = ProbeRequest("GET", self._engine.liveness_path, {}, "")
        return not fault(await self._ask(address, request), request)

    async def deep(self, address: Address) -> Health:
        """Asks for one real token, vector or ranking."""
        request = self._engine.probe(self._spec)
        begun = self._clock()
        answer = await self._ask(address, request)
        took = (self._clock() - begun) * 1000
        problem = fault(answer, request)
        if not problem:
            self.heard()
        return Health(ok=not problem, latency_ms=took, problem=problem)

    async def healthy(self, address: Address, in_flight: int) -> bool:
        """The judgement of one round."""
        if in_flight < self._spec.placement.slots:
            return (await self.deep(address)).ok
        await self._look(address)
        return await self.alive(address)

    def hung(self, in_flight: int) -> bool:
        """Whether it has had work and given nothing for too long."""
        silent = self._clock() - self._heard.at
        # Without counters, and with a gateway that tells only of whole answers, nobody knows.
        known = self._told or self._heard.counted is not None
        return known and in_flight > 0 and silent > self._limits.hung_s

    async def _look(self, address: Address) -> None:
        """Notes whether its counters have moved; without a route for them the gateway must do."""
        pulse = self._engine.pulse
        if pulse is None:
            return
        answer = await self._ask(address, ProbeRequest("GET", pulse.path, {}, ""))
        counted = counted_in(answer.body, pulse.counters) if answer.status == 200 else None  # noqa: PLR2004
        if counted is not None and counted != self._heard.counted:
            self._heard.counted = counted
            self.heard()

    async def _ask(self, address: Address, request: ProbeRequest) -> ProbeAnswer:
        secret, patience = self._spec.secret, self._limits.probe_s
        return await ask(address, secret, request, timeout_s=patience)


def counted_in(body: bytes, counters: tuple[str, ...]) -> float | None:
    """The sum of some counters in Prometheus text, over all their labels; None without any."""
    wanted = {name.encode() for name in counters}
    found: list[float] = []
    for name, number in _METRIC.findall(body):
        if name in wanted:
            try:
                found.append(float(number))
            except ValueError:
                continue
    return sum(found) if found else None
