"""Routes of leases: who holds memory and cores, and the hours of each purpose."""

from typing import Literal

from fastapi import APIRouter

from appliance.api.deps import Box, ModelWriter, SystemReader
from appliance.api.serving_views import leases_view
from appliance.contract.serving import Leases, WindowWish
from appliance.serving.window import Window

router = APIRouter(prefix="/api/v1/leases", tags=["leases"])


@router.get("")
async def leases(box: Box, _: SystemReader) -> Leases:
    """Who holds what, how much there is, and what is left."""
    return leases_view(box.serving.leases)


@router.put("/windows/{purpose}")
async def set_window(
    purpose: Literal["train", "evaluate"], wish: WindowWish, box: Box, who: ModelWriter
) -> Leases:
    """Give training or evaluation its hours; null means all day."""
    window = None if wish.window is None else Window.parse(wish.window)
    await box.serving.leases.set_window(purpose, window, who.actor)
    return leases_view(box.serving.leases)
