"""A new root key for the same slots: sealed to each of them without asking for its secret."""

from dataclasses import replace

from secure_compute.errors import SealBroken, SlotUnreachable, WrongSecret
from secure_compute.keyring import root_id
from secure_compute.relay import public_in, seal_to
from secure_compute.sealed_root import SealedRoot, Slot, slot_aad
from secure_compute.secret import Secret


def unreachable(document: SealedRoot) -> tuple[str, ...]:
    """Kinds of slots that a new root key cannot reach: they were made before slots had a relay."""
    return tuple(slot.kind for slot in document.slots if slot.relay is None)


def reseal(document: SealedRoot, root: Secret, fresh: Secret) -> SealedRoot:
    """The document of a new root key, opened by the same secrets; ids and order of slots stay.

    Whoever knows the old root key, an old copy of the document, or a slot that was removed before
    learns nothing of the new one: only the holder of a slot's secret can open its envelope.

    Args:
        document: What exists.
        root: Its root key.
        fresh: The new root key.

    Raises:
        WrongSecret: The root key is another document's.
        SlotUnreachable: A slot has no relay, or one that is not the box's own.
    """
    if root_id(root) != document.root_id:
        raise WrongSecret
    name = root_id(fresh)
    return SealedRoot(name, tuple(_moved(document, slot, root, fresh) for slot in document.slots))


def _moved(document: SealedRoot, slot: Slot, root: Secret, fresh: Secret) -> Slot:
    if slot.relay is None:
        raise SlotUnreachable(kind=slot.kind)
    try:
        old = slot_aad(document.root_id, slot.slot_id, slot.kind, slot.kdf)
        public = public_in(slot.relay, root, old)
    except SealBroken:
        # Not written by this box: a new root key must not go to whoever put it there.
        raise SlotUnreachable(kind=slot.kind) from None
    aad = slot_aad(root_id(fresh), slot.slot_id, slot.kind, slot.kdf)
    relay, sealed = seal_to(public, fresh, slot.slot_id, aad)
    return replace(slot, sealed=sealed, relay=relay)
