"""Routes of the encrypted storage: how it stands, and using a device that was made larger."""

import asyncio

from fastapi import APIRouter

from appliance.api.deps import Box, SystemReader, TheFront, VaultWriter
from appliance.api.storage_views import storage_view
from appliance.contract.storage import StorageView

router = APIRouter(prefix="/api/v1/storage", tags=["storage"])


@router.get("")
def storage(front: TheFront, box: Box, _: SystemReader) -> StorageView:
    """How the storage stands; sizes of areas are measured every five minutes."""
    return storage_view(front, box)


@router.post("/grow")
async def grow(front: TheFront, box: Box, who: VaultWriter) -> StorageView:
    """Use the whole of a device that was made larger, while the box serves."""
    await box.space.grow(who.actor)
    return await asyncio.to_thread(storage_view, front, box)
