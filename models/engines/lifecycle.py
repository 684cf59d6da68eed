"""One engine's supervisor: a task owns its state, callers ask for the end they want."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from models.engines.engine import Address, Engine, EngineSpec
from models.engines.explain import HUNG, NOT_LOADED, SICK, Failure, unstarted
from models.engines.launch import Running, launch
from models.engines.lifecycle_table import (
    EngineStatus,
    Event,
    Goal,
    Health,
    Limits,
    State,
    backoff,
    move,
    steady,
)
from models.engines.process import ProcessKeeper
from models.engines.vigil import Vigil
from models.errors import EngineDraining, EngineFailed, EngineLoading, ModelsError

_UNKNOWN = unstarted("未知原因", "unknown reason")


class EngineSupervisor:
    """Keeps one engine as its callers want it: ready, drained or stopped.

    `start()` begins the owning task, the only place that moves the state. `ensure_ready()`,
    `drain()` and `stop()` set the wish and wait.
    """

    def __init__(
        self,
        engine: Engine,
        spec: EngineSpec,
        *,
        keeper: ProcessKeeper | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        # What it runs, and with which adapters it is started the next time.
        self.spec = spec
        self._keeper = keeper or ProcessKeeper()
        self._limits = limits or Limits()
        self._clock = clock
        self._vigil = Vigil(engine, spec, self._limits, clock)
        self._state = State.ABSENT
        self._goal = Goal.NOTHING
        self._changed = asyncio.Condition()
        self._woken = asyncio.Event()
        self._running: Running | None = None
        self._task: asyncio.Task[None] | None = None
        self._reason: Failure | None = None
        self._failures = self._falls = self._starts = 0
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._next_try = 0.0

    @property
    def secret(self) -> str:
        """The bearer for requests to the engine."""
        return self.spec.secret

    @property
    def address(self) -> Address:
        """Where it listens now; a port may change with a restart."""
        return self._running.address if self._running else self.spec.address

    @property
    def capabilities(self) -> frozenset[str]:
        """Kinds of request that it answers."""
        return self._engine.capabilities(self.spec)

    def enter(self) -> None:
        """Counts a request in.

        Raises:
            EngineDraining: It takes no new requests.
        """
        if self._state in {State.DRAINING, State.STOPPED}:
            raise EngineDraining
        if self._in_flight == 0:
            # Silence counts from the moment there is work.
            self._vigil.heard()
        self._in_flight += 1
        self._idle.clear()

    def heard(self) -> None:
        """The engine gave a piece of an answer: the one sign of work that no counter can miss."""
        self._vigil.told()

    def leave(self) -> None:
        """Counts a request out."""
        self._in_flight -= 1
        self._vigil.heard()
        if self._in_flight <= 0:
            self._idle.set()

    def status(self) -> EngineStatus:
        """The picture of this moment."""
        running = self._running
        # Its own task learns a moment later why it ended; nobody is sent there meanwhile.
        state = State.FAILED if self._gone() else self._state
        progress = 1.0 if state is State.READY else 0.0
        if state is State.LOADING and running is not None:
            progress = running.progress()
        pause = self._next_try - self._clock() if state is State.FAILED else 0.0
        return EngineStatus(
            state=state,
            progress=progress,
            restarts=max(0, self._starts - 1),
            pid=running.pid if running else None,
            in_flight=self._in_flight,
            reason=self._reason,
            retry_after_s=max(1, round(pause + 0.5)),
            phase=running.phase() if running and self._state is State.LOADING else "",
            failure=self._reason,
        )

    def log_tail(self) -> tuple[str, ...]:
        """Last lines of the engine's log."""
        return self._running.tail() if self._running else ()

    async def start(self) -> None:
        """Begins the owning task; the engine itself starts with the first `ensure_ready`."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._own(), name=f"engine-{self.spec.model_id}")

    async def ensure_ready(self, timeout_s: float | None = None) -> Address:
        """Waits until the engine answers, starting or restarting it if need be.

        Raises:
            EngineLoading: It still loads after `timeout_s` seconds.
            EngineFailed: It failed and was not up again after `timeout_s` seconds, or it failed
                while waiting without a limit.
        """
        if self._answers():
            return self.address
        await self.start()
        self._aim(Goal.READY)
        # A death that its own task has yet to count is no failure of the start awaited here.
        before = self._falls + self._gone()
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(
                    lambda: self._answers() or (timeout_s is None and self._falls > before)
                )
        except TimeoutError:
            raise self._not_ready() from None
        if not self._answers():
            raise self._not_ready()
        return self.address

    def _not_ready(self) -> ModelsError:
        status = self.status()
        if status.state in {State.STARTING, State.LOADING}:
            percent = round(status.progress * 100)
            return EngineLoading(percent=percent, retry_after_s=status.retry_after_s)
        reason = self._reason or _UNKNOWN
        return EngineFailed(reason_zh=reason.zh, reason_en=reason.en)

    async def drain(self) -> None:
        """Takes no new requests, lets running ones end (`Limits.drain_s`), then stops."""
        await self._end(Goal.DRAINED)

    async def stop(self) -> None:
        """Stops the engine and its task."""
        await self._end(Goal.STOPPED)

    async def _end(self, goal: Goal) -> None:
        self._aim(goal)
        task = self._task
        if task is not None:
            await asyncio.wait({task})
        self._task = None

    async def deep_health(self) -> Health:
        """Asks for one real token; a port that answers is no proof."""
        return await self._vigil.deep(self.address)

    def _is(self, state: State) -> bool:
        return self._state is state

    def _gone(self) -> bool:
        """Whether a ready engine's process has ended and its task has yet to say so."""
        running = self._running
        ready = self._wanted() and self._is(State.READY)
        return ready and running is not None and running.exited()

    def _answers(self) -> bool:
        return self._is(State.READY) and not self._gone()

    def _wanted(self) -> bool:
        return self._goal is Goal.READY

    def _aim(self, goal: Goal) -> None:
        # Asking again for the same must not cut a pause between two starts short.
        if goal is not self._goal:
            self._goal = goal
            self._woken.set()

    async def _move(self, event: Event) -> None:
        async with self._changed:
            self._state = move(self._state, event)
            self._changed.notify_all()

    async def _own(self) -> None:
        """The owning task: the only caller of `_move`."""
        while self._goal is Goal.NOTHING:
            await self._woken.wait()
        while self._wanted():
            self._woken.clear()
            await self._live()
            if self._wanted() and self._is(State.FAILED):
                pause = backoff(self._failures, self._limits)
                self._next_try = self._clock() + pause
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause)
        if not self._is(State.STOPPED):
            await self._move(Event.STOP)

    async def _live(self) -> None:
        """One life of the engine: start, load, serve, end."""
        await self._move(Event.START)
        self._starts += 1
        try:
            running = await launch(self._engine, self.spec, self._keeper)
        except ModelsError as error:
            await self._fail(Event.DIED, unstarted(error.sentence_zh, error.sentence_en))
            return
        except Exception as error:  # noqa: BLE001  (the engine task is one of the three walls)
            name = type(error).__name__
            await self._fail(Event.DIED, unstarted(name, name))
            return
        self._running = running
        await self._move(Event.SPAWNED)
        try:
            if await self._load(running):
                await self._move(Event.HEALTHY)
                await self._watch(running)
            if self._goal is Goal.DRAINED and self._is(State.READY):
                await self._move(Event.DRAIN)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._idle.wait(), self._limits.drain_s)
        finally:
            await running.end(self._limits.grace_s)

    async def _load(self, running: Running) -> bool:
        deadline = self._clock() + self._limits.load_s
        while self._wanted():
            if running.exited():
                await self._fail(Event.DIED, await running.reason())
                return False
            if self._clock() > deadline:
                await self._fail(Event.SICK, NOT_LOADED)
                return False
            if await self._vigil.alive(running.address):
                # From the first question on, its log may hold what it was asked.
                running.seal()
                if (await self.deep_health()).ok:
                    return True
            await running.pause(self._limits.poll_s, self._woken)
        return False

    async def _watch(self, running: Running) -> None:
        strikes, begun = 0, self._clock()
        while self._wanted():
            self._woken.clear()
            await running.pause(self._limits.health_s, self._woken)
            if not self._wanted():
                return
            if self._clock() - begun > steady(self._failures, self._limits):
                self._failures = 0
            if running.exited():
                await self._fail(Event.DIED, await running.reason())
                return
            healthy = await self._vigil.healthy(running.address, self._in_flight)
            if self._vigil.hung(self._in_flight):
                await self._fail(Event.SICK, HUNG)
                return
            strikes = 0 if healthy else strikes + 1
            if strikes >= self._limits.strikes:
                await self._fail(Event.SICK, SICK)
                return

    async def _fail(self, event: Event, reason: Failure) -> None:
        self._failures += 1
        self._falls += 1
        self._reason = reason
        await self._move(event)
