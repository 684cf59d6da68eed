"""What every room stands on: the record, the database, who may do what, and the machine itself."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from appliance.access.migrations import MIGRATIONS as ACCESS
from appliance.access.rules import AccessRules
from appliance.access.service import AccessService
from appliance.audit.events import settings_load
from appliance.audit.events_settings import settings_change
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.query import Query
from appliance.backup.migrations import MIGRATIONS as BACKUP
from appliance.batches.migrations import MIGRATIONS as BATCHES
from appliance.bodies.keeper import Place
from appliance.cluster.migrations import MIGRATIONS as CLUSTER
from appliance.compiled import HOUSE
from appliance.db.database import Db
from appliance.examination.migrations import MIGRATIONS as EXAMINATION
from appliance.forwarding.migrations import MIGRATIONS as FORWARDING
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.posture.migrations import MIGRATIONS as POSTURE
from appliance.services.version import VERSION
from appliance.serving.migrations import MIGRATIONS as SERVING
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.settings.reading import digest_of
from appliance.signin.migrations import MIGRATIONS as SIGNIN
from appliance.telemetry.migrations import MIGRATIONS as TELEMETRY
from appliance.updates.migrations import MIGRATIONS as UPDATES
from appliance.updates.trial import place_of, settle
from appliance.vault.migrations import MIGRATIONS as VAULT
from appliance.vault.opened import Opened
from appliance.vault.subjects import SubjectKeys
from appliance.witnesses.migrations import MIGRATIONS as WITNESSES
from models.engines.process import run_tool
from models.hardware.detect import HardwareWatch
from models.hardware.facts import Hardware

MIGRATIONS: Final = (
    *ACCESS,
    *BATCHES,
    *JOBS,
    *EXAMINATION,
    *POSTURE,
    *UPDATES,
    *TELEMETRY,
    *CLUSTER,
    *SERVING,
    *SIGNIN,
    *VAULT,
    *BACKUP,
    *WITNESSES,
    *FORWARDING,
)


@dataclass(frozen=True, slots=True)
class Site:
    """One box as it was opened: its settings, its places, its keys and its clock."""

    settings: Settings
    layout: StateLayout
    opened: Opened
    clock: Callable[[], datetime]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is open and known before the first room is made."""

    db: Db
    log: AuditLog
    subjects: SubjectKeys
    access: AccessService
    hardware: Hardware
    watch: HardwareWatch


async def open_ground(site: Site, undo: AsyncExitStack) -> Ground:
    """Open the record first and everything else on it; `undo` learns how to close each.

    Raises:
        ApplianceError, ModelsError: what cannot be opened.
    """
    layout = site.layout
    log = await asyncio.to_thread(_open_log, site)
    undo.push_async_callback(asyncio.to_thread, log.close)
    await record_settings(log, digest_of(site.settings))
    # A release that was taken back left a database behind that this one does not know.
    await asyncio.to_thread(settle, layout, place_of(layout, site.environ), HOUSE)
    key = site.opened.key("box.db")
    db = await asyncio.to_thread(Db, layout.box_db, key, MIGRATIONS, site.clock)
    undo.push_async_callback(asyncio.to_thread, db.close)
    subjects = SubjectKeys(db, site.opened)
    await asyncio.to_thread(subjects.finish)
    rules = AccessRules.of(site.settings.access)
    access = await asyncio.to_thread(AccessService, db, log, time.time, rules=rules)
    undo.push_async_callback(asyncio.to_thread, access.close)
    watch = HardwareWatch(run_tool, time.monotonic)
    hardware = await asyncio.to_thread(watch)
    # Sockets and keys of engines that died with the last run.
    await asyncio.to_thread(shutil.rmtree, layout.run / "engines", ignore_errors=True)
    return Ground(db, log, subjects, access, hardware, watch)


async def record_settings(log: AuditLog, digest: str) -> None:
    """Record the settings that the box starts with, and whether they are others than last time."""
    last = await asyncio.to_thread(log.reader.search, Query(tag="settings:box:load", limit=1))
    before = str(last[0].event.details["digest"]) if last else digest
    if before != digest:
        await log.record(settings_change(digest=digest, last_digest=before))
    await log.record(settings_load(digest=digest))


def _open_log(site: Site) -> AuditLog:
    return AuditLog.open_apart(
        site.layout.audit_db,
        site.opened.key("audit.db"),
        AuditIdentity(site.opened.signing_key("audit"), site.settings.audit.origin),
        window_ms=site.settings.audit.window_ms,
        version=VERSION,
        bodies=bodies_place(site),
    )


def bodies_place(site: Site) -> Place:
    """Where the bodies of the record are kept, and what they are sealed with."""
    opened = site.opened
    return Place(site.layout.bodies_db, opened.key("bodies.db"), opened.suite.aead)
