"""Routes of the slots: list, add, try, seal anew, revoke; each change asks for a secret that opens."""

from fastapi import APIRouter

from appliance.api import slot_changes
from appliance.api.deps import SystemReader, TheFront, VaultWriter
from appliance.api.slot_views import slot_list, vault_view
from appliance.contract.access import VaultView
from appliance.contract.slots import (
    SlotAdded,
    SlotChange,
    SlotList,
    SlotTest,
    SlotView,
    SlotWish,
)

router = APIRouter(prefix="/api/v1/vault", tags=["vault"])


@router.get("/slots")
def slots(front: TheFront, _: SystemReader) -> SlotList:
    """The ways to open the vault, with labels and when each was used; no secrets."""
    return slot_list(front.vault.slots)


@router.post("/slots", status_code=201)
async def add(wish: SlotWish, front: TheFront, who: VaultWriter) -> SlotAdded:
    """Add a slot, or replace one; a new secret is shown this once."""
    return await slot_changes.add(front, wish, who)


@router.post("/slots/test")
async def test(wish: SlotTest, front: TheFront, who: VaultWriter) -> SlotView:
    """Try a secret, or a slot that opens by itself; nothing is opened."""
    return await slot_changes.test(front, wish, who)


@router.post("/slots/reseal")
async def reseal(change: SlotChange, front: TheFront, who: VaultWriter) -> SlotAdded:
    """Seal the only TPM slot to how the machine starts now."""
    return await slot_changes.reseal(front, None, change, who)


@router.post("/slots/{slot_id}/reseal")
async def reseal_one(
    slot_id: str, change: SlotChange, front: TheFront, who: VaultWriter
) -> SlotAdded:
    """Seal a TPM slot to how the machine starts now."""
    return await slot_changes.reseal(front, slot_id, change, who)


@router.post("/slots/{slot_id}/revoke")
async def revoke(slot_id: str, change: SlotChange, front: TheFront, who: VaultWriter) -> SlotView:
    """Remove a slot; one that a person holds must remain."""
    return await slot_changes.revoke(front, slot_id, change, who)


@router.post("/claim")
async def claim(front: TheFront, who: VaultWriter) -> VaultView:
    """Say that this vault belongs to this machine, after a move."""
    await slot_changes.claim(front, who)
    return vault_view(front.vault.status(), near=True)
