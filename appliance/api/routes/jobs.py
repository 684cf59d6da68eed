"""Routes of jobs: submit, follow, cancel, resume."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from appliance.api.deps import (
    Box,
    EvaluationStarter,
    JobReader,
    JobWriter,
    RequestId,
    Stands,
)
from appliance.api.events import Told, event_stream
from appliance.api.views import job_event, job_view
from appliance.contract.job import EvaluationWish, Job, JobList, JobWish
from appliance.services.open_box import Services

router = APIRouter(prefix="/api/v1", tags=["jobs"])


@router.post("/jobs", status_code=202)
async def submit(wish: JobWish, box: Box, who: JobWriter) -> Job:
    """Put a job in the queue."""
    return job_view(await box.jobs.submit(wish.kind, wish.spec, who.actor))


@router.post("/evaluations", status_code=202)
async def evaluate(wish: EvaluationWish, box: Box, who: EvaluationStarter) -> Job:
    """Put an evaluation in the queue."""
    spec = wish.model_dump(mode="json", exclude_none=True)
    return job_view(await box.jobs.submit("evaluation", spec, who.actor))


@router.get("/jobs")
def jobs(box: Box, _: JobReader) -> JobList:
    """The latest jobs, newest first."""
    return JobList(jobs=tuple(job_view(job) for job in box.jobs.list()))


@router.get("/jobs/{job_id}")
def job(job_id: str, box: Box, _: JobReader) -> Job:
    """One job."""
    return job_view(box.jobs.get(job_id))


@router.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, box: Box, who: JobWriter) -> Job:
    """Ask a job to stop."""
    return job_view(await box.jobs.cancel(job_id, who.actor))


@router.post("/jobs/{job_id}/resume")
async def resume(job_id: str, box: Box, who: JobWriter) -> Job:
    """Queue an interrupted or failed job again."""
    return job_view(await box.jobs.resume(job_id, who.actor))


@router.get("/jobs/{job_id}/events", response_class=Response)
async def follow(
    job_id: str,
    box: Box,
    who: JobReader,
    request_id: RequestId,
    stands: Stands,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> StreamingResponse:
    """The events of a job after `Last-Event-ID`, then live until it rests (SSE)."""
    box.jobs.get(job_id)
    return event_stream(
        _told(box, job_id, last_event_id),
        request_id,
        stands.stopping,
        partial(stands.holds, who),
    )


async def _told(box: Services, job_id: str, after: int) -> AsyncIterator[Told]:
    async for event in box.jobs.events(job_id, after):
        yield Told(event.event, job_event(event), str(event.id))
