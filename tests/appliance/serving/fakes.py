"""Doubles of the serving room's neighbours: a shelf, engines that obey, an audit log of events."""

import asyncio
import secrets
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from appliance.db.database import Db
from appliance.serving.lease import LeaseOffice
from appliance.serving.migrations import MIGRATIONS
from appliance.serving.service import Books, ServingService
from appliance.serving.store import ServingStore
from models.engines.engine import Address
from models.engines.explain import Failure
from models.engines.lifecycle_table import EngineStatus, Health, State
from models.errors import DoesNotFit, EngineDraining, EngineFailed, ModelDamaged, ModelUnknown
from models.planning.reservations import HOST, Reservations


async def until(condition, seconds: float = 20) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Log:
    """An audit log in memory; it can be made to fail."""

    def __init__(self) -> None:
        self.events = []
        self.error: Exception | None = None

    def append(self, event):
        future: Future = Future()
        if self.error is not None:
            future.set_exception(self.error)
        else:
            self.events.append(event)
            future.set_result(None)
        return future

    def tags(self, prefix: str = "") -> list[str]:
        return [event.tag for event in self.events if event.tag.startswith(prefix)]


@dataclass
class Shelf:
    """Models by id: their size in bytes and the digest of their manifest."""

    sizes: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    verified: list[str] = field(default_factory=list)
    folder: Path = Path("/nowhere")

    def get(self, model_id: str):
        if model_id not in self.sizes:
            raise ModelUnknown(model_id=model_id, name=model_id)
        digest = self.digests.get(model_id, secrets_of(model_id))
        return SimpleNamespace(
            card=SimpleNamespace(id=model_id),
            manifest=SimpleNamespace(
                digest=digest, content=digest, created="2026-01-01T00:00:00+00:00"
            ),
            path=self.folder / f"{model_id}.gguf",
        )

    def verify(self, model_id: str):
        self.verified.append(model_id)
        if model_id in self.damaged:
            raise ModelDamaged(name=model_id, reason_zh="坏", reason_en="bad", model_id=model_id)


def secrets_of(model_id: str) -> str:
    return model_id.encode().hex().ljust(64, "0")[:64]


class FakeEngine:
    """A supervisor whose engine is no process; `gate` holds its loading up."""

    def __init__(self, maker: "FakeMaker", model_id: str, adapters: tuple[Path, ...]) -> None:
        self.maker = maker
        self.model_id = model_id
        self.adapters = adapters
        self.state = State.ABSENT
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.reason = None
        self.retry_after_s = 1
        self.progress = 0.4
        self.pieces = 0
        self.phase = ""
        self.secret = "s"
        self.address = Address(uds=maker.socket)
        self.capabilities = frozenset({"chat"})
        self.spec = SimpleNamespace(
            placement=SimpleNamespace(slots=2, context=512),
            runtime_dir=Path("/nowhere/engine"),
            called=maker.called,
        )

    async def ensure_ready(self, timeout_s=None):
        self.maker.running.add(self)
        self.maker.starts.append(self.model_id)
        self.state = State.LOADING
        gate = self.maker.gates.get(self.model_id)
        if gate is not None:
            await asyncio.wait_for(gate.wait(), timeout_s)
        else:
            await asyncio.sleep(0)
        trouble = self.maker.failing.get(self.model_id)
        if trouble is not None:
            self.state, self.reason = State.FAILED, trouble
            raise EngineFailed(reason_zh=trouble.zh, reason_en=trouble.en)
        self.state = State.READY
        return self.address

    def status(self):
        progress = 1.0 if self.state is State.READY else self.progress
        return EngineStatus(
            self.state, progress, 0, 1, self.in_flight, self.reason, self.retry_after_s,
            self.phase, self.reason if isinstance(self.reason, Failure) else None,
        )  # fmt: skip

    def enter(self):
        if self.state in {State.DRAINING, State.STOPPED}:
            raise EngineDraining
        self.in_flight += 1
        self.idle.clear()

    def leave(self):
        self.in_flight -= 1
        if not self.in_flight:
            self.idle.set()

    def heard(self):
        self.pieces += 1

    async def deep_health(self):
        return Health(ok=True, latency_ms=1.0)

    async def drain(self):
        self.state = State.DRAINING
        await self.idle.wait()
        await asyncio.sleep(0)
        self.state = State.STOPPED
        self.maker.running.discard(self)


class FakeMaker:
    """Plans engines by the shelf's sizes, all of them in main memory."""

    def __init__(self, shelf: Shelf, socket: Path) -> None:
        self.shelf = shelf
        self.socket = socket
        self.gates: dict[str, asyncio.Event] = {}
        self.failing = {}
        self.running: set[FakeEngine] = set()
        self.starts: list[str] = []
        self.made: list[FakeEngine] = []
        self.called = ""

    def claim(self, model, reserved):
        size = self.shelf.sizes[model.card.id]
        if size > reserved.free(HOST):
            raise DoesNotFit(needed=f"{size}", free=f"{reserved.free(HOST)}")
        return {HOST: size}

    def engine(self, model):
        return "llama.cpp"

    def make(self, model, *, reserved=None, adapters=(), adapter_room=0):
        engine = FakeEngine(self, model.card.id, adapters)
        self.made.append(engine)
        return engine


class Rooms:
    """A serving room over doubles, with a real database."""

    def __init__(self, folder: Path, capacity: int, **sizes: int) -> None:
        self.db = Db(folder / "box.db", secrets.token_bytes(32), MIGRATIONS)
        self.folder = folder
        self.store = ServingStore(self.db)
        self.log = Log()
        self.clock = Clock()
        self.minute = 0
        self.shelf = Shelf({name.replace("_", "-"): size for name, size in sizes.items()})
        self.maker = FakeMaker(self.shelf, folder / "e")
        self.office = LeaseOffice(
            Reservations({HOST: capacity, "cores": 4}),
            self.store,
            self.log,
            self.clock,
            lambda _: self.minute,
        )
        self.serving = self.again("m")

    def again(self, default: str) -> ServingService:
        """A fresh service over the same books, as after a restart."""
        books = Books(self.store, self.log, self.folder / "adapters", self.clock)
        return ServingService(
            self.shelf, self.maker, self.office, books, default=default, clock=self.clock
        )

    def held(self) -> int:
        return self.office.reserved.taken(HOST)

    def later(self, seconds: float) -> None:
        self.clock.now += seconds

    def loaded(self) -> set[str]:
        return {engine.model_id for engine in self.maker.running}

    async def close(self) -> None:
        await self.serving.close()
        assert self.maker.running == set()
        assert self.held() == 0
        self.db.close()
