"""The desk of slots: added, tried, replaced, sealed anew, revoked; each change asks for a secret."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_sealed_root, write_sealed_root
from appliance.vault.measured import measured
from appliance.vault.offer import Offer
from appliance.vault.slot_book import SlotBook, SlotNote
from appliance.vault.slot_errors import SlotsPersonless, SlotUnfit, SlotUnknown
from appliance.vault.slot_making import AddedSlot, SlotMaker, SlotWish
from appliance.vault.slots import Slots
from appliance.vault.unattended import KINDS, Refusal, Unattended
from secure_compute.sealed_root import SealedRoot, Slot, add_slot, remove_slot
from secure_compute.secret import Secret
from secure_compute.slot_errors import TpmPolicyFailed
from secure_compute.slot_kinds import PERSON_HELD, SHARES, TPM
from secure_compute.tpm import SealedInTpm

LONGEST_LABEL: Final = 64


class SlotDesk:
    """Lists and changes the slots of one vault.

    Args:
        layout: where the box keeps its state.
        slots: opens the root key with what people bring.
        unattended: opens it without them.
        lock: the vault's; held while the document changes.
        now: Unix seconds.
        changed: told of the document after each change of the slots.
    """

    def __init__(
        self,
        layout: StateLayout,
        slots: Slots,
        unattended: Unattended,
        lock: threading.RLock,
        now: Callable[[], int],
        changed: Callable[[SealedRoot], None],
    ) -> None:
        self._layout = layout
        self._slots = slots
        self._unattended = unattended
        self._maker = SlotMaker(unattended)
        self._lock = lock
        self._now = now
        self._changed = changed
        self.book = SlotBook(layout)

    def listed(self) -> tuple[tuple[Slot, SlotNote], ...]:
        """Every slot with its entry in the notebook."""
        notes = self.book.read()
        document = read_sealed_root(self._layout)
        return tuple((slot, notes.get(slot.slot_id, SlotNote())) for slot in document.slots)

    def add(self, present: Offer, wish: SlotWish, actor: str) -> AddedSlot:
        """Add a slot; what it returns is shown once.

        Args:
            present: a secret that opens the vault now.
            wish: the kind, and what it needs.
            actor: who adds it.

        Raises:
            WrongSecret, VaultBackoff: the present secret opens nothing.
            WeakPassphrase, SharesUnfit, SlotUnfit: the wish cannot be fulfilled.
            TpmUnavailable, NetworkSlotRefused: what shall keep the secret does not answer.
        """
        with self._lock:
            document = read_sealed_root(self._layout)
            root, _ = self._slots.opened_by(document, present)
            with root:
                return self._added(document, root, wish, actor)

    def replace(self, present: Offer, slot_id: str, wish: SlotWish, actor: str) -> AddedSlot:
        """Put a new slot in the place of one, in one step; it keeps the label when the wish has none.

        Raises:
            SlotUnknown: there is no such slot; and as `add`.
            SlotsPersonless: nobody could open the vault by hand any more.
        """
        with self._lock:
            document = read_sealed_root(self._layout)
            self._slot(document, slot_id)
            note = self.book.read().get(slot_id, SlotNote())
            root, _ = self._slots.opened_by(document, present)
            with root:
                named = replace(wish, label=wish.label or note.label)
                return self._added(document, root, named, actor, instead_of=slot_id)

    def reseal(self, present: Offer, slot_id: str | None, actor: str) -> AddedSlot:
        """Seal the TPM's slot to how the machine starts now, with the same PCRs.

        Args:
            present: a secret that opens the vault now.
            slot_id: which; None takes the only one there is.
            actor: who does it.

        Raises:
            SlotUnknown: there is no such slot, or more than one and none was named; and as `add`.
        """
        with self._lock:
            document = read_sealed_root(self._layout)
            found = [s for s in document.slots if s.kind == TPM and slot_id in {None, s.slot_id}]
            if len(found) != 1:
                raise SlotUnknown(slot=slot_id or TPM)
            pcrs = tuple(sorted(SealedInTpm.parse(found[0].kdf).pcrs))
            wish = SlotWish(TPM, pcrs=pcrs)
            return self.replace(present, found[0].slot_id, wish, actor)

    def revoke(
        self, present: Offer, slot_id: str, write: Callable[[SealedRoot], SealedRoot] | None = None
    ) -> Slot:
        """Remove a slot: what it was opened with opens nothing any more.

        Whoever copied the key files before can still use the old copy; a rotation of the root key ends that.

        Args:
            present: a secret that opens the vault now.
            slot_id: which.
            write: puts what is left on the disk, under a new root key too, and gives what lies there.

        Raises:
            SlotUnknown: there is no such slot.
            SlotsPersonless: it is the last that a person holds.
            WrongSecret, VaultBackoff: the present secret opens nothing.
        """
        with self._lock:
            document = read_sealed_root(self._layout)
            slot = self._slot(document, slot_id)
            left = _without(document, slot_id)
            root, _ = self._slots.opened_by(document, present)
            root.wipe()
            if write is None:
                write_sealed_root(self._layout, left)
            else:
                left = write(left)
            self._changed(left)
            self.book.forget(slot_id)
            return slot

    def test(self, offer: Offer) -> Slot:
        """Which slot an offer opens; nothing changes but its date in the notebook.

        Raises:
            WrongSecret, VaultBackoff, ...: as an unlock.
        """
        with self._lock:
            root, slot = self._slots.opened_by(read_sealed_root(self._layout), offer)
            root.wipe()
            self.book.note(slot.slot_id, tested=self._now())
            return slot

    def test_unattended(self, slot_id: str) -> Slot:
        """Try a slot that opens by itself.

        Raises:
            SlotUnknown: there is no such slot.
            SlotUnfit: it needs a person.
            SecureComputeError: why it does not open.
        """
        with self._lock:
            document = read_sealed_root(self._layout)
            slot = self._slot(document, slot_id)
            if slot.kind not in KINDS:
                raise SlotUnfit(
                    reason_zh="试用它须输入密文:wardbox vault slots test,不加编号",
                    reason_en="trying it takes its secret: wardbox vault slots test, without an id",
                )
            try:
                root, _ = self._unattended.open_slot(document, slot)
            except TpmPolicyFailed as error:
                note = self.book.read().get(slot_id, SlotNote())
                raise self._unattended.explained(error, slot, note) from error
            root.wipe()
            self.book.note(slot_id, tested=self._now())
            return slot

    def by_itself(
        self, document: SealedRoot
    ) -> tuple[tuple[Secret, Slot] | None, tuple[Refusal, ...]]:
        """Open the root key without a person, or tell why no slot does."""
        return self._unattended.opened(document, self.book.read())

    def used(self, slot: Slot) -> None:
        """Note that a slot has just opened the vault."""
        self.book.note(slot.slot_id, used=self._now())

    def _added(
        self,
        document: SealedRoot,
        root: Secret,
        wish: SlotWish,
        actor: str,
        instead_of: str | None = None,
    ) -> AddedSlot:
        if len(wish.label) > LONGEST_LABEL or not wish.label.isprintable():
            raise SlotUnfit(
                reason_zh="名称过长或含控制字符", reason_en="its label is too long or unprintable"
            )
        made = self._maker.make(wish)
        fresh = add_slot(document, root, made.opener, self._slots.cost)
        slot = fresh.slots[-1]
        if instead_of is not None:
            fresh = _without(fresh, instead_of)
        elif not any(one.kind in PERSON_HELD for one in fresh.slots):
            raise SlotsPersonless
        write_sealed_root(self._layout, fresh)
        self._changed(fresh)
        if instead_of is not None:
            self.book.forget(instead_of)
        lines = measured(wish.pcrs, self._unattended.events) if wish.kind == TPM else ()
        self.book.note(
            slot.slot_id, label=wish.label, created=self._now(), created_by=actor, measured=lines
        )
        return replace(made.added, slot_id=slot.slot_id)

    def _slot(self, document: SealedRoot, slot_id: str) -> Slot:
        for slot in document.slots:
            if slot.slot_id == slot_id:
                return slot
        raise SlotUnknown(slot=slot_id[:64])


def holders(slot: Slot) -> tuple[str, ...]:
    """Who holds the shares of a slot, in the order of their numbers."""
    return tuple(str(slot.kdf["holders"]).split("\n")) if slot.kind == SHARES else ()


def _without(document: SealedRoot, slot_id: str) -> SealedRoot:
    left = [slot for slot in document.slots if slot.slot_id != slot_id]
    if not any(slot.kind in PERSON_HELD for slot in left):
        raise SlotsPersonless
    return remove_slot(document, slot_id)
