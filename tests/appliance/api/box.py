"""A box for tests: real audit log, database, access and HTTP servers, with a stub for the engine."""

import asyncio
import contextlib
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
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.files import FileLimits
from appliance.bodies.keeper import Place
from appliance.db.database import Db
from appliance.errors import WrongSecret
from appliance.jobs.service import JobService
from appliance.posture.service import PostureService
from appliance.services.exports import make_exports
from appliance.services.ground import MIGRATIONS
from appliance.services.open_box import Services
from appliance.services.outside import make_outside
from appliance.serving.turn import Notary
from appliance.serving.upstream import Upstream
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.signin.service import SignInService, Trust
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.offer import Offer
from appliance.vault.outcome import VaultStatus
from models.hardware.detect import detect_hardware
from secure_compute.certificates import make_authority
from secure_compute.signing import SigningKey
from secure_compute.suites import INTERNATIONAL
from tests.appliance.api.stand_ins import (
    BODIES_KEY,
    MODEL,
    NoCatalogue,
    NoSchedules,
    NoUpdates,
    PaperKeys,
    StubServing,
    never_run,
    no_checks,
    no_cluster,
    no_watch,
    paper_backups,
    paper_disclosure,
)
from tests.fakes.stub_engine import serve as serve_stub

PASSPHRASE = "a long passphrase of ours"


def now() -> datetime:
    return datetime.now(UTC)


AUTHORITY = make_authority("WardBox test", now())


class TestVault:
    """A vault that opens by one passphrase."""

    __test__ = False
    suite = INTERNATIONAL
    entered = None
    waits_for_server = False

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
    StateLayout(state).vault.mkdir(exist_ok=True)
    limits = (settings or Settings()).files
    rules = DeskRules(state / "callers", FileLimits(limits.max_bytes, limits.owner_bytes))
    disclosure = paper_disclosure(db, log, StateLayout(state))
    seals = DatasetKeys(disclosure.subjects)
    desk = make_desk(db, log, access, rules, time.time, seals)
    backups = BackupJobs(paper_backups(db, log, state), never_run)
    kinds = {"batch": desk.work.kind(), "backup": backups.kind()}
    jobs = JobService(db, log, kinds, state / "jobs", time.time)
    site = settings or Settings(), StateLayout(state)
    made = settings or Settings()
    outside = make_outside(made, StateLayout(state), PaperKeys(), db, log, lambda: False)
    desk.responses.seal_by(disclosure.subjects)
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
        disclosure=disclosure,
        outside=outside,
        exports=make_exports(site, log, outside.witnesses, disclosure, now),
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
        tmp / "audit.db",
        b"k" * 32,
        AuditIdentity(signing, "wardbox/test"),
        clock=now,
        bodies=Place(layout.bodies_db, BODIES_KEY),
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
