"""Routes of backups; places are named on the box's own console only."""

from fastapi import APIRouter

from appliance.api.backup_views import plan_view, target_view, wrong_view
from appliance.api.deps import BackupWriter, Box, LocalDoor, SystemReader
from appliance.api.views import job_view
from appliance.backup.rules import BACKUP
from appliance.backup.store import KnownTarget
from appliance.contract.backup import BackupList, BackupTargetView, BackupTargetWish, BackupWish
from appliance.contract.job import Job

router = APIRouter(prefix="/api/v1/backups", tags=["backups"])


@router.get("")
def backups(box: Box, _: SystemReader) -> BackupList:
    """Every target with its snapshots, last check and last drill."""
    service = box.backups.service
    targets = tuple(target_view(report) for report in service.targets())
    return BackupList(
        targets=targets,
        recipient=service.recipient(),
        login=service.login(),
        plan=plan_view(service.rules),
        wrong=wrong_view(service, service.now()),
    )


@router.post("", status_code=202)
async def submit(wish: BackupWish, box: Box, who: BackupWriter) -> Job:
    """Queue a backup, a check or a restore drill; follow it as a job."""
    spec = wish.model_dump(mode="json")
    return job_view(await box.jobs.submit(BACKUP, spec, who.actor))


@router.post("/targets", status_code=201)
def add(wish: BackupTargetWish, box: Box, who: BackupWriter, _: LocalDoor) -> BackupTargetView:
    """Name a target; a disk gets its mark, a server is reached once."""
    known = KnownTarget(wish.name, wish.kind, wish.place, wish.host_key, 0)
    service = box.backups.service
    service.add(known, who.actor)
    return next(target_view(one) for one in service.targets() if one.target.name == wish.name)


@router.delete("/targets/{name}", status_code=204)
def remove(name: str, box: Box, who: BackupWriter) -> None:
    """Forget a target; what lies there stays."""
    box.backups.service.remove(name, who.actor)
