"""Routes of the box's posture: the last report, and checking now."""

from fastapi import APIRouter

from appliance.api.deps import Box, SystemReader
from appliance.api.report_views import posture_report
from appliance.contract.posture import PostureReport

router = APIRouter(prefix="/api/v1/posture", tags=["posture"])


@router.get("")
def posture(box: Box, _: SystemReader) -> PostureReport:
    """The last report of the firmware checks."""
    return posture_report(box.posture.last())


@router.post("/check")
async def check(box: Box, who: SystemReader) -> PostureReport:
    """Run the firmware checks now."""
    return posture_report(await box.posture.check(who.actor))
