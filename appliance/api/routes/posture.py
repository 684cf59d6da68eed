"""Routes of the box's posture: the last report, its course, one by its digest, and checking now."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from appliance.api.deps import Box, SystemReader
from appliance.api.report_views import posture_history, posture_report
from appliance.contract.posture import PostureHistory, PostureReport

router = APIRouter(prefix="/api/v1/posture", tags=["posture"])


@router.get("")
def posture(box: Box, _: SystemReader) -> PostureReport:
    """The last report of the firmware checks."""
    return posture_report(box.posture.last())


@router.post("/check")
async def check(box: Box, who: SystemReader) -> PostureReport:
    """Run the firmware checks now."""
    return posture_report(await box.posture.check(who.actor))


@router.get("/history")
def history(
    box: Box, _: SystemReader, limit: Annotated[int, Query(ge=1, le=1000)] = 60
) -> PostureHistory:
    """The last runs of the firmware checks, newest first."""
    return posture_history(box.posture.history(limit))


@router.get("/reports/{digest}")
def report(
    box: Box, _: SystemReader, digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
) -> PostureReport:
    """The report of the firmware checks that a receipt names."""
    return posture_report(box.posture.named(digest))
