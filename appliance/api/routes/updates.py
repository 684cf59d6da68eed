"""Routes of offline updates; a folder is named on the box's own console only."""

from pathlib import Path

from fastapi import APIRouter

from appliance.api.deps import Box, LocalDoor, SystemReader, UpdateWriter
from appliance.api.report_views import update_view
from appliance.contract.update import UpdateList, UpdateView, UpdateWish

router = APIRouter(prefix="/api/v1/updates", tags=["updates"])


@router.get("")
def updates(box: Box, _: SystemReader) -> UpdateList:
    """Bundles seen, newest first."""
    return UpdateList(updates=tuple(update_view(row) for row in box.updates.list()))


@router.post("/verify")
def verify(wish: UpdateWish, box: Box, who: UpdateWriter, _: LocalDoor) -> UpdateView:
    """Verify a bundle without placing anything."""
    return update_view(box.updates.verify(Path(wish.directory), who.actor))


@router.post("/apply")
def apply(wish: UpdateWish, box: Box, who: UpdateWriter, _: LocalDoor) -> UpdateView:
    """Verify a bundle and place what it holds."""
    return update_view(box.updates.apply(Path(wish.directory), who.actor))
