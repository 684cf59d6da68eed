"""The route of imports; a path is named on the box's own console only."""

from fastapi import APIRouter

from appliance.api.deps import Box, LocalDoor, ModelWriter
from appliance.api.views import job_view
from appliance.contract.imports import ImportWish
from appliance.contract.job import Job

router = APIRouter(prefix="/api/v1/models", tags=["models"])


@router.post("/import", status_code=202)
async def import_model(wish: ImportWish, box: Box, who: ModelWriter, _: LocalDoor) -> Job:
    """Judge a model folder or GGUF file and queue the job that brings it onto the shelf."""
    spec = wish.model_dump(exclude_none=True)
    return job_view(await box.jobs.submit("import", spec, who.actor))
