"""Routes of fine-tuning, in OpenAI's words: trainings of adapters on files of chats."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from appliance.api.deps import Box, JobReader, JobWriter
from appliance.api.finetuning_views import (
    checkpoint_list,
    event_list,
    event_number,
    job_list,
    job_view,
    wish_of,
)
from appliance.contract.finetuning import (
    FineTuningCheckpointList,
    FineTuningEventList,
    FineTuningJob,
    FineTuningJobList,
    FineTuningRequest,
)
from appliance.tuning.finetuning import FineTuning

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])
_NOTES = "metadata["


def _desk(box: Box) -> FineTuning:
    return FineTuning(box.files, box.jobs)


def _notes(request: Request) -> dict[str, str]:
    """The notes that a list is narrowed to, as `metadata[name]=value`."""
    return {
        name.removeprefix(_NOTES).removesuffix("]"): value
        for name, value in request.query_params.items()
        if name.startswith(_NOTES)
    }


Desk = Annotated[FineTuning, Depends(_desk)]
Notes = Annotated[dict[str, str], Depends(_notes)]
Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str, Query(max_length=64)]


@router.post("")
async def create(wish: FineTuningRequest, desk: Desk, who: JobWriter) -> FineTuningJob:
    """Judge a file of chats and queue the training of an adapter on it."""
    return job_view(await desk.create(wish_of(wish), who.actor))


@router.get("")
def jobs(
    desk: Desk, _: JobReader, notes: Notes, limit: Limit = 20, after: After = ""
) -> FineTuningJobList:
    """Trainings on files, newest first."""
    return job_list(desk.newest(limit + 1, after, notes), limit)


@router.get("/{job_id}")
def job(job_id: str, desk: Desk, _: JobReader) -> FineTuningJob:
    """One training."""
    return job_view(desk.get(job_id))


@router.post("/{job_id}/cancel")
async def cancel(job_id: str, desk: Desk, who: JobWriter) -> FineTuningJob:
    """Ask a training to stop."""
    return job_view(await desk.cancel(job_id, who.actor))


@router.post("/{job_id}/resume")
async def resume(job_id: str, desk: Desk, who: JobWriter) -> FineTuningJob:
    """Queue an interrupted or failed training again."""
    return job_view(await desk.resume(job_id, who.actor))


@router.get("/{job_id}/events")
def events(
    job_id: str, desk: Desk, _: JobReader, limit: Limit = 20, after: After = ""
) -> FineTuningEventList:
    """What happened to a training, newest first."""
    return event_list(desk.events(job_id, limit + 1, event_number(after)), limit)


@router.get("/{job_id}/checkpoints")
def checkpoints(job_id: str, desk: Desk, _: JobReader) -> FineTuningCheckpointList:
    """The adapter that a training left."""
    return checkpoint_list(desk.get(job_id))
