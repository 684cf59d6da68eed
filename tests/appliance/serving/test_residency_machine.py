"""A machine that loads, asks, pins, unloads, fails and lends in any order; nothing is ever oversold."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.errors import ApplianceError
from appliance.serving.store import Keeping
from models.card import Bilingual
from models.errors import ModelsError
from models.planning.reservations import HOST
from tests.appliance.serving.fakes import Rooms

SIZES = {"m": 40, "a": 20, "b": 30, "c": 50, "d": 90, "huge": 150}
CAPACITY = 100
MODELS = st.sampled_from(sorted(SIZES))


class Machine(RuleBasedStateMachine):
    """Every rule runs on one loop; `settle` lets what was begun go on for a few steps."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.rooms = self.run(self.made())
        self.entered = []
        self.jobs = []
        self.tasks: list[asyncio.Task] = []
        self.busy_evicted: list[str] = []

    async def made(self) -> Rooms:
        rooms = Rooms(self.folder, CAPACITY, **SIZES)
        happened = rooms.serving.keeper.happened

        def watched(what, model, code):
            if what == "evict":
                one = rooms.serving.residency.residents[model]
                if one.in_flight or rooms.serving.keeper.kept(model):
                    self.busy_evicted.append(model)
            happened(what, model, code)

        habits = rooms.serving.residency._habits
        object.__setattr__(habits, "told", watched)
        return rooms

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    def begin(self, work, *args) -> None:
        async def quiet() -> None:
            with suppress(ApplianceError, ModelsError):
                await work(*args)

        self.tasks.append(self.loop.create_task(quiet()))

    @rule(model=MODELS)
    def ask(self, model):
        self.begin(self.rooms.serving.upstream, model)

    @rule(model=MODELS)
    def load(self, model):
        self.begin(self.rooms.serving.load, model, "user:it")

    @rule(model=MODELS)
    def unload(self, model):
        self.begin(self.rooms.serving.unload, model, "user:it")

    @rule(model=MODELS, pinned=st.booleans())
    def keep(self, model, pinned):
        self.begin(self.rooms.serving.keep, model, Keeping(pinned), "user:it")

    @rule(model=MODELS)
    def enter(self, model):
        async def now():
            upstream = self.rooms.serving.ready(model)
            if upstream is not None:
                with suppress(ModelsError):
                    upstream.enter()
                    self.entered.append(upstream)

        self.run(now())

    @rule()
    def leave(self):
        if self.entered:
            self.entered.pop(0).leave()

    @rule(model=MODELS, fails=st.booleans())
    def trouble(self, model, fails):
        if fails:
            self.rooms.maker.failing[model] = Bilingual("崩溃", "it crashed")
        else:
            self.rooms.maker.failing.pop(model, None)

    @rule(model=MODELS)
    def refresh(self, model):
        self.begin(self.rooms.serving.residency.refresh, model)

    @rule()
    def sweep(self):
        self.begin(self.rooms.serving.residency.sweep)

    @rule(size=st.integers(1, 60))
    def lend(self, size):
        jobs = self.jobs

        async def take():
            lease = None

            def give_back():
                jobs.remove(lease)
                self.begin(self.rooms.office.release, lease)

            lease = await self.rooms.office.take("job", "train", {HOST: size}, give_back)
            jobs.append(lease)

        self.begin(take)

    @rule(seconds=st.sampled_from([1, 6, 20, 1000]))
    def later(self, seconds):
        self.rooms.later(seconds)

    @rule(turns=st.integers(1, 10))
    def settle(self, turns):
        async def some():
            for _ in range(turns):
                await asyncio.sleep(0.001)

        self.run(some())

    @rule()
    def cancel(self):
        if self.tasks:
            self.tasks.pop().cancel()

    @invariant()
    def never_oversold(self):
        held = self.rooms.held()
        assert held <= CAPACITY
        running = sum(SIZES[engine.model_id] for engine in self.rooms.maker.running)
        assert running <= held

    @invariant()
    def nobody_busy_or_pinned_is_put_out(self):
        assert self.busy_evicted == []

    async def end_jobs(self) -> None:
        for lease in self.rooms.office.leases():
            if lease.purpose != "serve":
                await self.rooms.office.release(lease)

    def teardown(self):
        async def end():
            for upstream in self.entered:
                upstream.leave()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            closing = asyncio.create_task(self.rooms.serving.close())
            while not closing.done():
                await self.end_jobs()
                await asyncio.sleep(0.001)
            await closing
            await self.end_jobs()
            await self.rooms.close()

        self.run(end())
        self.loop.close()
        shutil.rmtree(self.folder)


Machine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine = Machine.TestCase
