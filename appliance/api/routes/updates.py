"""Routes of offline updates; a folder is named on the box's own console only."""

import asyncio
from pathlib import Path

from fastapi import APIRouter

from appliance.api.deps import Box, LocalDoor, SystemReader, UpdateWriter
from appliance.api.update_views import (
    apply_spec,
    health_view,
    override_of,
    plan_view,
    status_view,
    update_view,
)
from appliance.api.views import job_view
from appliance.contract.job import Job
from appliance.contract.update import (
    RollbackWish,
    UpdateHealth,
    UpdateList,
    UpdatePlan,
    UpdateStatus,
    UpdateWish,
)
from appliance.services.wellness import Wellness
from appliance.updates.work import UPDATE

router = APIRouter(prefix="/api/v1/updates", tags=["updates"])


@router.get("")
def updates(box: Box, _: SystemReader) -> UpdateList:
    """Bundles seen and what became of them, newest first."""
    return UpdateList(updates=tuple(update_view(row) for row in box.updates.list()))


@router.get("/status")
def status(box: Box, _: SystemReader) -> UpdateStatus:
    """Trust, sticks, what is installed, and what is under way."""
    return status_view(box)


@router.post("/plan")
def plan(wish: UpdateWish, box: Box, who: UpdateWriter, _: LocalDoor) -> UpdatePlan:
    """What applying a bundle would do; its signatures are judged, nothing is copied."""
    directory, override = Path(wish.directory), override_of(box, wish)
    return plan_view(box.updates.service.plan(directory, who.actor, override))


@router.post("/verify", status_code=202)
async def verify(wish: UpdateWish, box: Box, who: UpdateWriter, _: LocalDoor) -> Job:
    """Queue the reading of a whole bundle; nothing is placed."""
    spec = {"what": "verify", "directory": wish.directory}
    return job_view(await box.jobs.submit(UPDATE, spec, who.actor))


@router.post("/apply", status_code=202)
async def apply(wish: UpdateWish, box: Box, who: UpdateWriter, _: LocalDoor) -> Job:
    """Queue the application of a bundle; follow it as a job."""
    spec = await asyncio.to_thread(apply_spec, box, wish, who)
    return job_view(await box.jobs.submit(UPDATE, spec, who.actor))


@router.post("/rollback", status_code=202)
async def rollback(wish: RollbackWish, box: Box, who: UpdateWriter) -> Job:
    """Queue the return of a package to the version before its last update."""
    spec = {"what": "rollback", "kind": wish.kind, "id": wish.id}
    return job_view(await box.jobs.submit(UPDATE, spec, who.actor))


@router.post("/health")
async def health(box: Box, who: UpdateWriter) -> UpdateHealth:
    """Whether the box works: a prompt answered, checks run, the log written, the schema whole."""
    wellness = Wellness(box.db, box.log, box.serving, box.posture)
    return health_view(await wellness.check(who.actor))
