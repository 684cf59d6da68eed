"""Changes of the vault's slots, on the record: told before they are made, and how they went after."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from appliance.access.grants import Grant
from appliance.access.two_person import REVOKE_SLOT
from appliance.api.front import Front
from appliance.api.slot_views import added_view, offer_of, slot_view, wish_of
from appliance.audit.events_slots import slot_change
from appliance.contract import slots as wire
from appliance.errors import ApplianceError
from appliance.vault.slot_book import SlotNote
from secure_compute.errors import SecureComputeError

T = TypeVar("T")


async def add(front: Front, wish: wire.SlotWish, who: Grant) -> wire.SlotAdded:
    """Add a slot, or put it in the place of another."""
    desk, present, wanted = front.vault.slots, offer_of(wish.present), wish_of(wish)
    instead = wish.instead_of

    def work() -> wire.SlotAdded:
        if instead is None:
            return added_view(desk.add(present, wanted, who.actor), desk)
        return added_view(desk.replace(present, instead, wanted, who.actor), desk)

    what = "add" if instead is None else "replace"
    return await _recorded(front, who, (what, wish.kind, instead or ""), work)


async def reseal(
    front: Front, slot: str | None, change: wire.SlotChange, who: Grant
) -> wire.SlotAdded:
    """Seal a TPM slot to how the machine starts now."""
    desk, present = front.vault.slots, offer_of(change.present)

    def work() -> wire.SlotAdded:
        return added_view(desk.reseal(present, slot, who.actor), desk)

    return await _recorded(front, who, ("reseal", "tpm", slot or ""), work)


async def revoke(front: Front, slot: str, change: wire.SlotChange, who: Grant) -> wire.SlotView:
    """Remove a slot, and take a new root key so that old copies of the key files open nothing new."""
    vault, present = front.vault, offer_of(change.present)
    approvals = front.opened().access.approvals

    def work() -> wire.SlotView:
        # A wrong secret must not use an approval up.
        vault.slots.test(present)
        approvals.use(change.approval, REVOKE_SLOT, slot, who)
        return slot_view(vault.revoke(present, slot), SlotNote())

    return await _recorded(front, who, ("revoke", "", slot), work)


async def test(front: Front, wish: wire.SlotTest, who: Grant) -> wire.SlotView:
    """Which slot a secret opens, or whether a slot opens by itself."""
    desk, present, slot = front.vault.slots, wish.present, wish.slot

    def work() -> wire.SlotView:
        found = desk.test(offer_of(present)) if present else desk.test_unattended(slot or "")
        return slot_view(found, desk.book.read().get(found.slot_id, SlotNote()))

    return await _recorded(front, who, ("test", "", slot or ""), work)


async def claim(front: Front, who: Grant) -> None:
    """Say that the vault belongs to this machine."""
    await _recorded(front, who, ("claim", "", ""), front.vault.claim)


async def _recorded(
    front: Front, who: Grant, about: tuple[str, str, str], work: Callable[[], T]
) -> T:
    what, kind, slot = about
    log = front.opened().log
    # What cannot be recorded is not done.
    await log.record(slot_change("ask", who.actor, what=what, kind=kind, slot=slot))
    try:
        done = await asyncio.to_thread(work)
    except (ApplianceError, SecureComputeError):
        await log.record(slot_change("refuse", who.actor, what=what, kind=kind, slot=slot))
        raise
    view = done.slot if isinstance(done, wire.SlotAdded) else done
    if isinstance(view, wire.SlotView):
        kind, slot = view.kind, view.id
    await log.record(slot_change("done", who.actor, what=what, kind=kind, slot=slot))
    return done
