"""Routes of forwarding to the hospital's SIEM: how it stands, and a try."""

from fastapi import APIRouter

from appliance.api.deps import AuditExporter, AuditReaderGrant, Box
from appliance.api.outside_views import forward_view
from appliance.contract.outside import ForwardTested, ForwardView

router = APIRouter(prefix="/api/v1/audit/forwarding", tags=["audit"])


@router.get("")
def forwarding(box: Box, _: AuditReaderGrant) -> ForwardView:
    """How far the receiver has come, and what stands in the way."""
    return forward_view(box.outside.forwarding)


@router.post("/test")
def test(box: Box, _: AuditExporter) -> ForwardTested:
    """Deliver a message that is no entry, on a connection of its own."""
    peer = box.outside.forwarding.test()
    return ForwardTested(target=box.outside.forwarding.status().target, peer=peer)
