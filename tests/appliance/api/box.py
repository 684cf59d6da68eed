"""A box for tests: real audit log, database, access and HTTP servers, with a stub for the engine."""

import asyncio
import contextlib
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from appliance.access.errors import AccessRefused
from appliance.access.grants import KeyWish
from appliance.access.service import AccessService
from appliance.api.crowd import Crowd
from appliance.api.door import local_door
from appliance.api.front import Front
from appliance.api.hot.line import ShortWay
from appliance.api.wire import protocol_with
from appliance.app import BoxApi, create_app
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.backup.kinds import BackupJobs
from appliance.backup.retention import Retention
from appliance.backup.rules import BackupRules
from appliance.backup.service import BackupService
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.files import FileLimits
from appliance.cluster.node import Lent, RayKeeper
from appliance.cluster.service import ClusterService
from appliance.cluster.store import ClusterStore
from appliance.db.database import Db
from appliance.errors import WrongSecret
from appliance.jobs.lender import Unlimited
from appliance.jobs.service import JobService
from appliance.posture.service import PostureService
from appliance.services.ground import MIGRATIONS
from appliance.services.open_box import Services
from appliance.services.space_gate import SpaceGate, SpaceWatch
from appliance.serving.adapter import Adapters
from appliance.serving.deployment import Deployments
from appliance.serving.errors import ModelLoading
from appliance.serving.lease import LeaseOffice
from appliance.serving.store import ServingStore
from appliance.serving.traffic import Traffic
from appliance.serving.turn import Notary
from appliance.serving.upstream import Upstream
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from appliance.serving.window import local_minute
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.settings.storage import StorageSettings
from appliance.signin.service import SignInService, Trust
from appliance.vault.offer import Offer
from appliance.vault.outcome import VaultStatus
from appliance.vault.space import SpaceKeeper
from firmware_checks.errors import RootUnusable
from models.engines.lifecycle_table import Health
from models.engines.process import ProcessKeeper
from models.errors import ModelUnknown
from models.hardware.detect import detect_hardware
from models.planning.reservations import Reservations
from secure_compute.certificates import make_authority
from secure_compute.signing import SigningKey
from secure_compute.suites import INTERNATIONAL
from tests.fakes.stub_engine import serve as serve_stub

MODEL = "wardbox-reference"
PASSPHRASE = "a long passphrase of ours"


def now() -> datetime:
    return datetime.now(UTC)


AUTHORITY = make_authority("WardBox test", now())


class TestVault:
    """A vault that opens by one passphrase."""

    __test__ = False
    suite = INTERNATIONAL
    entered = None

    def __init__(self) -> None:
        self.is_open = False

    def status(self) -> VaultStatus:
        return VaultStatus("unlocked" if self.is_open else "locked", "embedded", ("passphrase",))

    def resume(self) -> object | None:
        return self if self.is_open else None

    def unlock(self, secret: str | Offer) -> object:
        if PASSPHRASE not in (secret, getattr(secret, "secret", "")):
            raise WrongSecret
        self.is_open = True
        return self

    def lock(self) -> None:
        self.is_open = False

    def close(self) -> None:
        pass


class StubServing:
    """One model behind a stub engine; tests break it in their own ways."""

    def __init__(self, upstream: Upstream | None) -> None:
        self.default = MODEL
        self.traffic = Traffic()
        self.one = upstream
        self.loading = False
        self.beyond = None
        self.pictures: Any = tuple

    def ready(self, model: str | None) -> Upstream | None:
        if self.loading or (model or MODEL) != MODEL:
            return None
        return self.one

    async def upstream(self, model: str | None) -> Upstream:
        if (model or MODEL) != MODEL:
            raise ModelUnknown(model_id=model, name=model)
        if self.loading or self.one is None:
            raise ModelLoading(model=MODEL, percent=40, progress=0.4, retry_after_s=3)
        return self.one

    def status(self) -> list[Any]:
        return []

    def dismiss(self, over: Any) -> None:
        if self.one is not None:
            self.one.pool.dismiss(over, AccessRefused)

    def default_state(self) -> str:
        return "loading" if self.loading else "ready"

    async def deep_health(self, model: str | None = None) -> Health:
        return Health(ok=True, latency_ms=1.5)

    async def load(self, model: str, *_: object) -> Any:
        raise ModelUnknown(model_id=model, name=model)

    unload = keep = load

    def furnish(self, db: Db, log: AuditLog, folder: Path) -> None:
        """Books and leases of its own, with nothing in them."""
        store, shelf = ServingStore(db), NoCatalogue()
        self.leases = LeaseOffice(Reservations({}), store, log, time.time, local_minute)
        self.adapters = Adapters(store, log, shelf, folder, time.time)  # type: ignore[arg-type]
        self.deployments = Deployments(store, log, lambda m, _: shelf.get(m), time.time)
        self.residency = None

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        if self.one is not None:
            self.one.pool.close()


class NoCatalogue:
    def models(self) -> tuple[()]:
        return ()

    def get(self, model_id: str) -> Any:
        raise ModelUnknown(model_id=model_id, name=model_id)

    def verify(self, model_id: str, *_: object) -> Any:
        return self.get(model_id)

    def place_reference(self, folder: Path) -> None:
        pass


def no_checks() -> Any:
    raise RootUnusable(root="/")


class NoUpdates:
    def list(self, limit: int = 100) -> tuple[()]:
        return ()


class NoSchedules:
    def cron(self, *args: object) -> None:
        pass

    every = once = cron

    def start(self) -> None:
        pass

    close = start


@dataclass
class LiveBox:
    front: Front
    app: BoxApi
    services: Services
    serving: StubServing
    key: str
    port: int
    socket: Path
    http: aiohttp.ClientSession
    local: aiohttp.ClientSession
    log: AuditLog
    vault: TestVault
    engine_servers: list[asyncio.Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def make_key(self, *scopes: str, **more: Any) -> dict[str, str]:
        made = self.services.access.create_key(KeyWish("t", frozenset(scopes), **more))
        return {"Authorization": f"Bearer {made.secret}"}

    def tags(self) -> list[str]:
        from appliance.audit.reading import Query

        return [e.event.tag for e in reversed(self.log.reader.search(Query(limit=1000)))]

    def entries(self, tag: str) -> list[Any]:
        from appliance.audit.reading import Query

        return [e.event for e in self.log.reader.search(Query(tag=tag, limit=1000))]


class PaperKeys:
    """Keys of a vault that nobody opens."""

    def key(self, use: str) -> bytes:
        return hashlib.sha256(use.encode()).digest()


def paper_backups(db: Db, log: AuditLog, state: Path) -> BackupService:
    """A backup room whose workers are never started."""
    rules = BackupRules("box", (), Retention(), 1, "0", MODEL, ())
    return BackupService(db, log, PaperKeys(), StateLayout(state), rules)


def no_watch(state: Path) -> SpaceWatch:
    """A watch over the disk that nobody asks to look."""
    keeper = SpaceKeeper(StateLayout(state), StorageSettings())
    return SpaceWatch(keeper, SpaceGate(Unlimited(), lambda: keeper.now))


async def never_run(request: Any, directory: Path, tell: Any) -> Any:
    raise AssertionError(request)


def no_cluster(db: Db, log: AuditLog, folder: Path) -> ClusterService:
    """A cluster room in a machine that has no Ray."""
    ray = RayKeeper(ProcessKeeper(), folder / "no-ray", folder / "cluster", Lent(1, 0, 1 << 20))
    return ClusterService(ClusterStore(db), log, ray, "box", time.time)


async def build_services(
    state: Path, uds: Path, log: AuditLog, secret: str = "", settings: Settings | None = None
) -> Services:
    db = Db(state / "box.db", secrets.token_bytes(32), MIGRATIONS)
    access = AccessService(db, log, time.time)
    abilities = frozenset({"chat", "completions", "embeddings"})
    pool = UpstreamPool(Endpoint(uds, "", 0, secret, silence_s=5.0))
    serving = StubServing(None)
    serving.one = Upstream(MODEL, "ab" * 32, None, abilities, pool, count=serving.traffic.answered)
    serving.furnish(db, log, state / "adapters")
    (state / "jobs").mkdir()
    limits = (settings or Settings()).files
    rules = DeskRules(state / "callers", FileLimits(limits.max_bytes, limits.owner_bytes))
    desk = make_desk(db, log, access, rules, time.time)
    backups = BackupJobs(paper_backups(db, log, state), never_run)
    kinds = {"batch": desk.work.kind(), "backup": backups.kind()}
    jobs = JobService(db, log, kinds, state / "jobs", time.time)
    return Services(
        db=db,
        log=log,
        access=access,
        signin=SignInService(
            db,
            access,
            log,
            settings or Settings(),
            Trust(StateLayout(state), lambda: AUTHORITY, now),
        ),
        notary=Notary(log, b"s" * 32, lambda: "unchecked", "1", access.turned_away),
        catalogue=NoCatalogue(),  # type: ignore[arg-type]
        serving=serving,  # type: ignore[arg-type]
        jobs=jobs,
        files=desk.files,
        batches=desk.batches(jobs),
        responses=desk.responses,
        backups=backups,
        space=no_watch(state),
        specialist=None,  # type: ignore[arg-type]
        posture=PostureService(db, log, time.time, no_checks),
        updates=NoUpdates(),  # type: ignore[arg-type]
        cluster=no_cluster(db, log, state),
        schedules=NoSchedules(),  # type: ignore[arg-type]
        hardware=detect_hardware,
    )


@contextlib.asynccontextmanager
async def live_box(
    tmp: Path,
    *,
    token_ms: float = 0.0,
    tokens: int = 8,
    sections: dict[str, Any] | None = None,
    crowd: Crowd | None = None,
    **server: Any,
) -> AsyncIterator[LiveBox]:
    """A box on loopback and on a Unix socket, unlocked, with a key for everything."""
    state = tmp / "state"
    state.mkdir()
    stub = tmp / "engine.sock"
    engines, _ = await serve_stub(port=None, uds=stub, token_ms=token_ms, tokens=tokens)
    layout = StateLayout(state)
    settings = Settings.model_validate(
        {
            "server": {"names": ["box.hospital.cn"], **server},
            "files": {"max_bytes": 1_000_000, "owner_bytes": 3_000_000},
            **(sections or {}),
        }
    )
    signing = SigningKey.generate()
    log = AuditLog.open(
        tmp / "audit.db", b"k" * 32, AuditIdentity(signing, "wardbox/test"), clock=now
    )
    services = await build_services(state, stub, log, settings=settings)

    async def build(_: Any) -> Services:
        return services

    vault = TestVault()
    front = Front(settings, layout, vault, build, now)  # type: ignore[arg-type]
    app = create_app(front)
    vault.is_open = True
    await front.start()
    scopes = services.access.local_grant().scopes
    key = services.access.create_key(KeyWish("all", scopes)).secret
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    uds = socket.socket(socket.AF_UNIX)
    path = tmp / "box.sock"
    uds.bind(str(path))
    servers = [
        _server(app, app.short_way(local=False), tcp, crowd),
        _server(local_door(app), app.short_way(local=True), uds),
    ]
    tasks = [asyncio.create_task(server.serve([sock])) for server, sock in servers]
    while not all(one.started for one, _ in servers):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with (
        aiohttp.ClientSession() as http,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as local,
    ):
        box = LiveBox(
            front, app, services, services.serving, key, tcp.getsockname()[1], path,  # type: ignore[arg-type]
            http, local, log, vault, engines,
        )  # fmt: skip
        try:
            yield box
        finally:
            front.stopping.set()
            for one, _ in servers:
                one.should_exit = True
                one.force_exit = True
            await asyncio.gather(*tasks)
            await front.close()
            log.close()
            for engine in engines:
                engine.close()


def _server(
    app: Any, way: ShortWay, sock: socket.socket, crowd: Crowd | None = None
) -> tuple[uvicorn.Server, socket.socket]:
    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):
            yield

    config = uvicorn.Config(
        app, http=protocol_with(way, crowd), loop="asyncio", lifespan="off", log_config=None, ws="none",
        access_log=False, server_header=False,
    )  # fmt: skip
    return Server(config), sock
