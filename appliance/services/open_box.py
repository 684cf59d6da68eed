"""Every service of an open box: what is started with it, goes on every night, and is closed in order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import models
from appliance.access.service import AccessService
from appliance.audit.export_desk import ExportDesk
from appliance.audit.log import AuditLog
from appliance.backup.kinds import BackupJobs
from appliance.batches.files import FileService
from appliance.batches.kept import KeptResponses
from appliance.batches.service import BatchService
from appliance.catalogue.service import CatalogueService
from appliance.cluster.service import ClusterService
from appliance.db.database import Db
from appliance.disclosure.service import Disclosure
from appliance.jobs.schedule import Schedules
from appliance.jobs.service import JobService
from appliance.posture.service import PostureService
from appliance.services.outside import Outside
from appliance.services.space_gate import SpaceWatch
from appliance.services.updating import Updating
from appliance.serving.service import ServingService
from appliance.serving.turn import Notary
from appliance.signin.service import SignInService
from appliance.specialists.admission_note import AdmissionNoteWriter
from appliance.vault.body_keys import BodyKeys
from models.hardware.facts import Hardware

HOUR_S: Final = 3600.0
MINUTE_S: Final = 60.0
NIGHTLY: Final = "30 3 * * *"
WEEKLY: Final = "45 3 * * 0"
USAGE_KEPT_S: Final = 3 * 366 * 86_400.0
REFERENCE: Final = Path(models.__path__[0]) / "reference_model"


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
    updates: Updating
    cluster: ClusterService
    files: FileService
    batches: BatchService
    responses: KeptResponses
    backups: BackupJobs
    space: SpaceWatch
    disclosure: Disclosure
    outside: Outside
    exports: ExportDesk
    schedules: Schedules
    hardware: Callable[[], Hardware]

    @property
    def seals(self) -> BodyKeys:
        """What the bodies of requests are sealed with."""
        return self.disclosure.keys

    async def start(self) -> None:
        """Begin to serve: engines load, jobs go on, checks run and run again every night."""
        self.log.attach()
        loop = asyncio.get_running_loop()
        # Rights change on threads of the pool; who waits for an engine waits on this loop.
        self.access.watched(lambda over: loop.call_soon_threadsafe(self.serving.dismiss, over))
        self.access.greeted(self._part)
        await asyncio.to_thread(self.catalogue.place_reference, REFERENCE)
        # Before anybody reads them: what an older release left plain is overwritten.
        await asyncio.to_thread(self.files.seal_lying)
        await self.serving.start()
        await self.updates.start()
        await self.jobs.start()
        await self.cluster.start()
        self.posture.attend(self.schedules, self._last_updates)
        self.schedules.cron("usage", WEEKLY, self._forget_old_usage)
        self.schedules.every("files", HOUR_S, self._sweep_files)
        self.signin.attend(self.schedules, NIGHTLY)
        self.space.attend(self.schedules)
        await asyncio.to_thread(self.disclosure.upkeep.prepare)
        self.disclosure.upkeep.attend(self.schedules)
        self.backups.attend(self.schedules, self.jobs)
        self.updates.attend(self.schedules)
        self.outside.attend(self.schedules)
        self.schedules.once("newest entries", self._follow_record)
        self.schedules.every("newest entries again", MINUTE_S, self._follow_record)
        self.schedules.once("exports", self._old_exports)
        self.schedules.cron("old exports", NIGHTLY, self._old_exports)
        self.schedules.start()

    def _last_updates(self) -> str:
        """Name what was applied last: the ground may be another one since."""
        applied = [one for one in self.updates.list(8) if one.state == "applied"]
        return " ".join(f"{one.id}@{one.time.timestamp()}" for one in applied)

    def _part(self, owner: str) -> None:
        self.files.part(owner)
        self.responses.part(owner)

    async def _forget_old_usage(self) -> None:
        await asyncio.to_thread(self.access.prune_usage, USAGE_KEPT_S)

    async def _sweep_files(self) -> None:
        await asyncio.to_thread(self.files.sweep)
        await asyncio.to_thread(self.responses.sweep)

    async def _follow_record(self) -> None:
        await asyncio.to_thread(self.log.reader.follow)

    async def _old_exports(self) -> None:
        await asyncio.to_thread(self.exports.expire)

    async def close(self) -> None:
        """Stop in good order: no work without a record, no record after the log is closed."""
        self.schedules.close()
        self.access.watched(None)
        await self.jobs.close()
        await self.serving.close()
        await self.cluster.close()
        await asyncio.to_thread(self.access.close)
        await asyncio.to_thread(self.exports.close)
        await self.outside.close()
        await asyncio.to_thread(self.log.close)
        await asyncio.to_thread(self.disclosure.close)
        await asyncio.to_thread(self.db.close)
