"""Routes of two-person actions: ask, approve, cancel, execute."""

from fastapi import APIRouter

from appliance.api.deps import Box, UserReader
from appliance.api.people_views import approval_list, approval_view
from appliance.contract.people import ApprovalList, ApprovalView, ApprovalWish, Execution

router = APIRouter(prefix="/api/v1/approvals", tags=["access"])


@router.get("")
def approvals(box: Box, _: UserReader) -> ApprovalList:
    """The newest requests, and the kinds of actions that take two people."""
    return approval_list(box.access.approvals.latest(), on=box.access.rules.two_person)


@router.post("", status_code=201)
def request(wish: ApprovalWish, box: Box, who: UserReader) -> ApprovalView:
    """Ask for an action that takes two people."""
    asked = box.access.approvals.request(
        wish.action, wish.subject, who, wish.parameter, wish.reason
    )
    return approval_view(asked)


@router.get("/{approval_id}")
def approval(approval_id: str, box: Box, _: UserReader) -> ApprovalView:
    """One request."""
    return approval_view(box.access.approvals.get(approval_id))


@router.post("/{approval_id}/approve")
def approve(approval_id: str, box: Box, who: UserReader) -> ApprovalView:
    """Approve somebody else's request."""
    return approval_view(box.access.approvals.approve(approval_id, who))


@router.post("/{approval_id}/cancel")
def cancel(approval_id: str, box: Box, who: UserReader) -> ApprovalView:
    """Cancel a request."""
    return approval_view(box.access.approvals.cancel(approval_id, who))


@router.post("/{approval_id}/execute")
def execute(approval_id: str, wish: Execution, box: Box, who: UserReader) -> ApprovalView:
    """Have an approved action done, once."""
    return approval_view(box.access.approvals.execute(approval_id, who, wish.secret))
