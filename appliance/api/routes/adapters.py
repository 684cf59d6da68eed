"""Routes of adapters: register, approve, load, promote, take back."""

from pathlib import Path

from fastapi import APIRouter, Response

from appliance.api.deps import Box, LocalDoor, ModelReader, ModelWriter
from appliance.api.serving_views import adapter_view
from appliance.contract.serving import AdapterView, AdapterWish, Promotion

router = APIRouter(prefix="/api/v1/adapters", tags=["adapters"])


@router.get("")
async def adapters(box: Box, _: ModelReader) -> list[AdapterView]:
    """Every adapter and how far it is."""
    return [adapter_view(one) for one in box.serving.adapters.all()]


@router.post("", status_code=201)
async def register(wish: AdapterWish, box: Box, who: ModelWriter, _local: LocalDoor) -> AdapterView:
    """Judge a LoRA file and take it into the vault (local socket only)."""
    adapters = box.serving.adapters
    one = await adapters.register(wish.id, wish.base, Path(wish.file), who.actor)
    return adapter_view(one)


@router.post("/{adapter}/approve")
async def approve(adapter: str, box: Box, who: ModelWriter) -> AdapterView:
    """Let an adapter be loaded."""
    return adapter_view(await box.serving.adapters.approve(adapter, who.actor))


@router.post("/{adapter}/load")
async def load(adapter: str, box: Box, who: ModelWriter) -> AdapterView:
    """Start an engine of its base that holds the adapter."""
    serving = box.serving
    return adapter_view(await serving.adapters.load(adapter, who.actor, serving.residency))


@router.post("/{adapter}/promote")
async def promote(adapter: str, wish: Promotion, box: Box, who: ModelWriter) -> AdapterView:
    """Send all requests for a served name to the adapter."""
    rooms = box.serving
    one = await rooms.adapters.promote(adapter, wish.name, who.actor, rooms.deployments)
    return adapter_view(one)


@router.post("/{adapter}/revert")
async def revert(adapter: str, wish: Promotion, box: Box, who: ModelWriter) -> AdapterView:
    """Put a served name back to what it was before the adapter."""
    rooms = box.serving
    one = await rooms.adapters.revert(adapter, wish.name, who.actor, rooms.deployments)
    return adapter_view(one)


@router.delete("/{adapter}", status_code=204)
async def remove(adapter: str, box: Box, who: ModelWriter) -> Response:
    """Take an adapter out of its engine and delete it."""
    rooms = box.serving
    await rooms.adapters.remove(adapter, who.actor, rooms.residency, rooms.deployments)
    return Response(status_code=204)
