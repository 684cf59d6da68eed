"""Slots of the vault between the wire and the vault's own words."""

from appliance.api.views import maybe
from appliance.contract import access, slots
from appliance.vault.offer import Offer
from appliance.vault.outcome import VaultStatus
from appliance.vault.slot_book import SlotNote
from appliance.vault.slot_desk import SlotDesk, holders
from appliance.vault.slot_making import AddedSlot, SlotWish
from secure_compute.sealed_root import Slot
from secure_compute.slot_kinds import NETWORK, PERSON_HELD, SHARES, TPM
from secure_compute.tpm import SealedInTpm


def vault_view(status: VaultStatus, *, near: bool = False) -> access.VaultView:
    """The vault; what is wrong with it is told to callers on this machine while it is locked."""
    told = tuple(
        access.VaultWarning(sentence=one.sentence, way_out=one.way_out) for one in status.warnings
    )
    return access.VaultView(
        state=status.state,
        backend=status.backend,
        slots=status.slots,
        warnings=told if near or status.state == "unlocked" else (),
    )


def offer_of(unlock: access.Unlock) -> Offer:
    """What a caller brings."""
    file = None if unlock.key_file is None else unlock.key_file.encode()
    return Offer(unlock.secret or "", unlock.shares, file)


def wish_of(wish: slots.SlotWish) -> SlotWish:
    """What a caller wants to be added."""
    return SlotWish(
        wish.kind,
        wish.label,
        wish.passphrase or "",
        wish.needed,
        wish.holders,
        wish.pcrs,
        wish.url,
        wish.thumbprint,
    )


def slot_view(slot: Slot, note: SlotNote) -> slots.SlotView:
    """One slot, without secrets."""
    return slots.SlotView.model_validate(
        {
            "id": slot.slot_id,
            "kind": slot.kind,
            "label": note.label,
            "person": slot.kind in PERSON_HELD,
            "created": maybe(note.created),
            "created_by": note.created_by,
            "used": maybe(note.used),
            "tested": maybe(note.tested),
            "needed": int(slot.kdf["needed"]) if slot.kind == SHARES else None,
            "holders": holders(slot),
            "pcrs": tuple(sorted(SealedInTpm.parse(slot.kdf).pcrs)) if slot.kind == TPM else (),
            "url": slot.kdf["url"] if slot.kind == NETWORK else None,
        }
    )


def slot_list(desk: SlotDesk) -> slots.SlotList:
    """Every slot."""
    return slots.SlotList(slots=tuple(slot_view(slot, note) for slot, note in desk.listed()))


def added_view(added: AddedSlot, desk: SlotDesk) -> slots.SlotAdded:
    """A new slot with its secrets."""
    slot, note = next(one for one in desk.listed() if one[0].slot_id == added.slot_id)
    return slots.SlotAdded(
        slot=slot_view(slot, note),
        recovery_key=added.recovery_key or None,
        shares=tuple(
            slots.ShareView(holder=name, text=text)
            for name, text in zip(holders(slot), added.shares, strict=True)
        ),
        key_file=added.key_file or None,
    )
