"""Routes of leases: who holds memory and cores, and the hours of each purpose."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from appliance.api.deps import Box, ModelWriter, SystemReader
from appliance.api.serving_views import leases_view
from appliance.contract.serving import Leases, WindowWish
from appliance.serving.window import Window

Past = Annotated[int, Query(ge=0, le=1000, description="how many former leases")]
router = APIRouter(prefix="/api/v1/leases", tags=["leases"])


@router.get("")
async def leases(box: Box, _: SystemReader, past: Past = 0) -> Leases:
    """Who holds what, how much there is, and what is left."""
    office = box.serving.leases
    return leases_view(office, await office.past(past) if past else ())


@router.put("/windows/{purpose}")
async def set_window(
    purpose: Literal["train", "evaluate"], wish: WindowWish, box: Box, who: ModelWriter
) -> Leases:
    """Give training or evaluation its hours; null means all day."""
    window = None if wish.window is None else Window.parse(wish.window)
    await box.serving.leases.set_window(purpose, window, who.actor)
    return leases_view(box.serving.leases)
