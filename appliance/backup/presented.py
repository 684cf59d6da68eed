"""What a person brings to a restore: what it opens, and which slots the new vault goes on with."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.backup.errors import BackupDamaged, KeysRefused, NewestListDamaged
from appliance.backup.keyfile import FULL, Unlocked, unlocked
from appliance.backup.repository import Repository
from appliance.backup.target import Target
from appliance.vault.offer import Offer, openers_of
from secure_compute.errors import SlotUnreachable
from secure_compute.recovery import recovery_text
from secure_compute.reseal import reseal
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    Slot,
    add_slot,
    seal_root,
)
from secure_compute.secret import Secret
from secure_compute.slot_kinds import RECOVERY

_AGE: Final = "AGE-SECRET-KEY-"


@dataclass(frozen=True, slots=True)
class Presented:
    """What opens a backup.

    Args:
        identity: the box's own backup identity, or the text of another backup key.
        slots: what lies with the backup, when one of its slots opened; None for a backup key.
    """

    identity: Secret | str = field(repr=False)
    slots: Unlocked | None = None


def presented(target: Target, offer: Offer) -> Presented:
    """Find out what a person brought.

    Raises:
        KeysRefused: it opens nothing here.
        RecoveryKeyMistyped, ShareMistyped, SharesTooFew, SharesUnfit, KeyFileMalformed: what is
            wrong with it, by group or share.
    """
    text = offer.secret.strip()
    if text.upper().startswith(_AGE) and not offer.shares:
        return Presented(text)
    openers = openers_of(offer)
    try:
        slots = unlocked(target, (*openers.full, *openers.guessed))
    except KeysRefused:
        if openers.mistyped is not None:
            raise openers.mistyped from None
        raise
    return Presented(slots.identity, slots)


def opened_by(target: Target, offer: Offer, *, accept_loss: bool = False) -> Repository:
    """The backup on a target, by what a person brought; raises as `presented` and `read_by`."""
    return read_by(target, presented(target, offer).identity, accept_loss=accept_loss)[0]


def read_by(
    target: Target, identity: Secret | str, *, accept_loss: bool
) -> tuple[Repository, bool]:
    """The backup on a target, by its newest list or, where loss is accepted, an older one.

    Args:
        target: where it lies.
        identity: as `presented` found it.
        accept_loss: whether an older list will do where the newest is damaged.

    Returns:
        The backup, and whether it was opened by an older list.

    Raises:
        NewestListDamaged: the newest list is damaged, an older one is not, and no loss was accepted.
        BackupDamaged: nothing can be read.
    """
    try:
        return Repository.open(target, identity), False
    except BackupDamaged as damage:
        try:
            older = Repository.open(target, identity, older=True)
        except BackupDamaged:
            raise damage from None
        if not accept_loss:
            found = older.list.generation
            raise NewestListDamaged(place=target.place, found=found) from damage
        return older, True


def new_slots(
    root: Secret, passphrase: str, slots: Unlocked | None, cost: Argon2Cost
) -> tuple[SealedRoot, str]:
    """The slots of the new vault: a new passphrase, and what people hold on paper already.

    Args:
        root: root key of the snapshot.
        passphrase: of the new vault.
        slots: what lies with the backup; None when a backup key opened it.
        cost: of one guess at the passphrase.

    Returns:
        The document; and a new recovery key where no earlier one opens the vault, else nothing.
    """
    document = seal_root(root, Opener.passphrase(passphrase), cost)
    kept = () if slots is None else _carried(slots, root)
    document = replace(document, slots=(*document.slots, *kept))
    if any(slot.kind == RECOVERY for slot in kept):
        return document, ""
    paper = Secret.random()
    text = recovery_text(paper)
    return add_slot(document, root, Opener.recovery(paper), cost), text


def _carried(slots: Unlocked, root: Secret) -> tuple[Slot, ...]:
    """Those that the box itself made: their relays are sealed under its root key."""
    found: list[Slot] = []
    for slot in slots.document.slots:
        with suppress(SlotUnreachable):
            if slot.kind in FULL:
                found += reseal(replace(slots.document, slots=(slot,)), slots.root, root).slots
    return tuple(found)
