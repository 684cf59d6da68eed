"""The composition root: every service of an open box, made by constructor calls, started in order."""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

import models
from appliance.access.migrations import MIGRATIONS as ACCESS
from appliance.access.rules import AccessRules
from appliance.access.service import AccessService
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.files import FileLimits, FileService
from appliance.batches.kept import KeptResponses
from appliance.batches.migrations import MIGRATIONS as BATCHES
from appliance.batches.service import BatchService
from appliance.batches.work import KIND as BATCH
from appliance.catalogue.importing import IMPORT, Importer
from appliance.catalogue.service import CatalogueService
from appliance.cluster.assembly import make_cluster
from appliance.cluster.migrations import MIGRATIONS as CLUSTER
from appliance.cluster.service import ClusterService
from appliance.db.database import Db
from appliance.examination.migrations import MIGRATIONS as EXAMINATION
from appliance.examination.service import EVALUATION, ExaminationService
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.schedule import Schedules
from appliance.jobs.service import JobService
from appliance.posture.migrations import MIGRATIONS as POSTURE
from appliance.posture.service import PostureService
from appliance.serving.assembly import Ground as ServingGround
from appliance.serving.assembly import make_job_desk, make_serving
from appliance.serving.migrations import MIGRATIONS as SERVING
from appliance.serving.service import ServingService
from appliance.serving.turn import Notary
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.signin.migrations import MIGRATIONS as SIGNIN
from appliance.signin.service import SignInService, Trust
from appliance.specialists.admission_note import AdmissionNoteWriter, Provenance
from appliance.specialists.author import Ask, Written
from appliance.telemetry.migrations import MIGRATIONS as TELEMETRY
from appliance.tuning.kind import TRAINING, Workshop
from appliance.updates.migrations import MIGRATIONS as UPDATES
from appliance.updates.service import Places, UpdateService
from appliance.vault.opened import Opened
from models.engines.process import run_tool
from models.hardware.detect import HardwareWatch
from models.hardware.facts import Hardware
from models.registry.shelf import Shelf

VERSION: Final = "0.1.0"
POLICY: Final = "1"
"""Version of the rules that an answer passed; receipts name it."""
HOUR_S: Final = 3600.0
NIGHTLY: Final = "30 3 * * *"
WEEKLY: Final = "45 3 * * 0"
USAGE_KEPT_S: Final = 3 * 366 * 86_400.0
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
)
REFERENCE: Final = Path(models.__path__[0]) / "reference_model"


class EngineAuthor:
    """Lets a specialist write through the serving room; the two rooms do not know each other."""

    def __init__(self, serving: ServingService) -> None:
        self._serving = serving

    async def write(self, ask: Ask) -> AsyncGenerator[str | Written, None]:
        """Yield text as it is written, then the account of the answer."""
        writing = self._serving.write(
            ask.model, ask.messages, max_tokens=ask.max_tokens, seed=ask.seed
        )
        async with aclosing(writing) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield piece
                    continue
                yield Written(
                    piece.model,
                    piece.model_digest,
                    piece.adapter_digest,
                    piece.prompt_tokens,
                    piece.completion_tokens,
                )


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that answers while the vault is open."""

    db: Db
    log: AuditLog
    access: AccessService
    signin: SignInService
    notary: Notary
    catalogue: CatalogueService
    serving: ServingService
    jobs: JobService
    specialist: AdmissionNoteWriter
    posture: PostureService
    updates: UpdateService
    cluster: ClusterService
    files: FileService
    batches: BatchService
    responses: KeptResponses
    schedules: Schedules
    hardware: Callable[[], Hardware]

    async def start(self) -> None:
        """Begin to serve: engines load, jobs go on, checks run and run again every night."""
        self.log.attach()
        await asyncio.to_thread(self.catalogue.place_reference, REFERENCE)
        await self.serving.start()
        await self.jobs.start()
        await self.cluster.start()
        self.schedules.once("posture at boot", self.posture.check)
        self.schedules.cron("posture", NIGHTLY, self.posture.check)
        self.schedules.cron("usage", WEEKLY, self._forget_old_usage)
        self.schedules.every("files", HOUR_S, self._sweep_files)
        self.signin.attend(self.schedules, NIGHTLY)
        self.schedules.start()

    async def _forget_old_usage(self) -> None:
        await asyncio.to_thread(self.access.prune_usage, USAGE_KEPT_S)

    async def _sweep_files(self) -> None:
        await asyncio.to_thread(self.files.sweep)
        await asyncio.to_thread(self.responses.sweep)

    async def close(self) -> None:
        """Stop in good order: no work without a record, no record after the log is closed."""
        self.schedules.close()
        await self.jobs.close()
        await self.serving.close()
        await self.cluster.close()
        await asyncio.to_thread(self.access.close)
        await asyncio.to_thread(self.log.close)
        await asyncio.to_thread(self.db.close)


async def build(
    settings: Settings,
    layout: StateLayout,
    opened: Opened,
    clock: Callable[[], datetime],
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Services:
    """Make the services of an opened vault.

    Raises:
        ApplianceError, ModelsError: what cannot be opened; nothing stays open then.
    """
    async with AsyncExitStack() as undo:
        log = await asyncio.to_thread(_open_log, settings, layout, opened)
        undo.push_async_callback(asyncio.to_thread, log.close)
        db = await asyncio.to_thread(Db, layout.box_db, opened.key("box.db"), MIGRATIONS, clock)
        undo.push_async_callback(asyncio.to_thread, db.close)
        rules = AccessRules.of(settings.access)
        access = await asyncio.to_thread(AccessService, db, log, time.time, rules=rules)
        undo.push_async_callback(asyncio.to_thread, access.close)
        watch = HardwareWatch(run_tool, time.monotonic)
        hardware = await asyncio.to_thread(watch)
        # Sockets and keys of engines that died with the last run.
        await asyncio.to_thread(shutil.rmtree, layout.run / "engines", ignore_errors=True)
        services = _assemble(
            settings, layout, opened, clock, _Ground(db, log, access, hardware, watch, environ)
        )
        undo.pop_all()
        return services


@dataclass(frozen=True, slots=True)
class _Ground:
    db: Db
    log: AuditLog
    access: AccessService
    hardware: Hardware
    watch: HardwareWatch
    environ: Mapping[str, str]


def _open_log(settings: Settings, layout: StateLayout, opened: Opened) -> AuditLog:
    return AuditLog.open_apart(
        layout.audit_db,
        opened.key("audit.db"),
        AuditIdentity(opened.signing_key("audit"), settings.audit.origin),
        window_ms=settings.audit.window_ms,
        version=VERSION,
    )


def _assemble(
    settings: Settings,
    layout: StateLayout,
    opened: Opened,
    clock: Callable[[], datetime],
    ground: _Ground,
) -> Services:
    signer, salt = opened.signing_key("manifest"), opened.key("usage-salt")
    shelf = Shelf(layout.shelf, clock=clock, trusted={signer.key_id: signer.verify_key})
    catalogue = CatalogueService(shelf, signer, ground.log, settings.model.default)
    posture = PostureService(ground.db, ground.log, time.time)
    cards = len(ground.hardware.accelerators)
    cluster = make_cluster(layout, ground.db, ground.log, name=settings.box.name, cards=cards)
    serving = make_serving(
        settings,
        layout,
        ServingGround(
            db=ground.db,
            log=ground.log,
            shelf=catalogue,
            hardware=ground.hardware,
            look=ground.watch,
            environ=ground.environ,
            cluster=cluster.env,
        ),
        salt,
    )
    workshop = Workshop(catalogue, ground.log, settings.jobs.threads, serving.adapters)
    importer = Importer(catalogue, layout.uploads / "imports", (layout.root,))
    examination = ExaminationService(ground.db, ground.log, catalogue, layout.socket, time.time)
    limits = FileLimits(settings.files.max_bytes, settings.files.owner_bytes)
    rules = DeskRules(layout.caller_files, limits, settings.files.batch_width)
    desk = make_desk(ground.db, ground.log, ground.access, rules, time.time)
    jobs = JobService(
        ground.db,
        ground.log,
        {
            TRAINING: workshop.kind(),
            EVALUATION: examination.kind(),
            BATCH: desk.work.kind(),
            IMPORT: importer.kind(),
        },
        layout.jobs_dir,
        time.time,
        workers=settings.jobs.workers,
    )
    threads = settings.jobs.threads
    jobs.borrow_from(
        make_job_desk(serving.leases, threads, training=TRAINING, evaluation=EVALUATION)
    )
    importer.follow(jobs.get)
    places = Places(root=layout.updates_root, staging=layout.uploads / "updates")
    provenance = Provenance(salt, posture.digest, POLICY, clock)
    return Services(
        db=ground.db,
        log=ground.log,
        access=ground.access,
        signin=SignInService(
            ground.db, ground.access, ground.log, settings, Trust(layout, opened.ca, clock)
        ),
        notary=Notary(ground.log, salt, posture.digest, POLICY),
        catalogue=catalogue,
        serving=serving,
        jobs=jobs,
        specialist=AdmissionNoteWriter(EngineAuthor(serving), ground.log, provenance),
        posture=posture,
        updates=UpdateService(ground.db, ground.log, catalogue, places, clock),
        cluster=cluster,
        files=desk.files,
        batches=desk.batches(jobs),
        responses=desk.responses,
        schedules=Schedules(),
        hardware=ground.watch,
    )
