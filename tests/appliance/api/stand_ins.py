"""What stands in for the heavy rooms of a box in tests: serving, catalogue, updates, backups, cluster."""

import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from appliance.access.errors import AccessRefused
from appliance.audit.log import AuditLog
from appliance.backup.retention import Retention
from appliance.backup.rules import BackupRules
from appliance.backup.service import BackupService
from appliance.cluster.node import Lent, RayKeeper
from appliance.cluster.service import ClusterService
from appliance.cluster.store import ClusterStore
from appliance.db.database import Db
from appliance.disclosure.service import Disclosure
from appliance.jobs.lender import Unlimited
from appliance.services.space_gate import SpaceGate, SpaceWatch
from appliance.serving.adapter import Adapters
from appliance.serving.deployment import Deployments
from appliance.serving.errors import ModelLoading
from appliance.serving.lease import LeaseOffice
from appliance.serving.store import ServingStore
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from appliance.serving.window import local_minute
from appliance.settings.layout import StateLayout
from appliance.settings.storage import StorageSettings
from appliance.updates.errors import NoTrustRoot
from appliance.vault.body_keys import BodyKeys, BodyRules
from appliance.vault.keybook import KeyBook
from appliance.vault.opened import Opened
from appliance.vault.space import SpaceKeeper
from appliance.vault.subjects import SubjectKeys
from firmware_checks.errors import RootUnusable
from models.engines.lifecycle_table import Health
from models.engines.process import ProcessKeeper
from models.errors import ModelUnknown
from models.planning.reservations import Reservations
from secure_compute.keyring import Keyring
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey

MODEL = "wardbox-reference"


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

    async def write(self, *_: object, **__: object) -> AsyncIterator[str]:
        raise ModelLoading(model=MODEL, percent=40, progress=0.4, retry_after_s=3)
        yield ""

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

    def remove(self, model_id: str, actor: str) -> None:
        self.get(model_id)

    def place_reference(self, folder: Path) -> None:
        pass


def no_checks() -> Any:
    raise RootUnusable(root="/")


class NoUpdates:
    """A box that no stick was ever put into; it is its own `service` and `licence`."""

    def list(self, limit: int = 100) -> tuple[()]:
        return ()

    @property
    def service(self) -> "NoUpdates":
        return self

    licence = service

    def brought(self, model: str) -> bool:
        return False

    def pending(self) -> None:
        pass

    recipient = pending

    def installed(self) -> tuple[()]:
        return ()

    def trusted(self) -> None:
        raise NoTrustRoot

    async def start(self) -> None:
        pass

    def attend(self, schedules: object) -> None:
        pass


class NoSchedules:
    def cron(self, *args: object) -> None:
        pass

    every = once = cron

    def start(self) -> None:
        pass

    close = start


BODIES_KEY = b"b" * 32


class PaperKeys:
    """Keys of a vault that nobody opens."""

    def key(self, use: str) -> bytes:
        return hashlib.sha256(use.encode()).digest()

    def secret(self, use: str) -> Secret:
        return Secret(self.key(use))

    def signing_key(self, use: str) -> SigningKey:
        return SigningKey.from_seed(self.key(use))


def paper_backups(db: Db, log: AuditLog, state: Path) -> BackupService:
    """A backup room whose workers are never started."""
    rules = BackupRules("box", (), Retention(), 1, "0", MODEL, ())
    return BackupService(db, log, PaperKeys(), StateLayout(state), rules)


def paper_disclosure(
    db: Db, log: AuditLog, layout: StateLayout, opened: Opened | None = None
) -> Disclosure:
    """Bodies under real keys, of a vault that nobody ever locked unless one is given."""
    if opened is None:
        layout.keys.mkdir(exist_ok=True)
        opened = Opened(layout, Keyring(Secret(b"r" * 32)), KeyBook(), lambda: int(time.time()))
    subjects = SubjectKeys(db, opened)
    place = layout.bodies_db, lambda: BODIES_KEY
    keys = BodyKeys(subjects, BodyRules())
    return Disclosure(log, subjects, keys, place, time.time)


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
