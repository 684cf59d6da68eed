"""A new root key reaches every slot without its secret, and nobody who is not a slot."""

from dataclasses import replace

import pytest

from secure_compute.errors import KeyMalformed, SealBroken, SlotUnreachable, WrongSecret
from secure_compute.relay import Relay, open_with, public_in, public_of, seal_to
from secure_compute.reseal import reseal, unreachable
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    add_slot,
    open_root,
    remove_slot,
    seal_root,
)
from secure_compute.secret import Secret

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)


def _document() -> tuple[SealedRoot, Secret, list[Opener]]:
    root = Secret.random()
    openers = [
        Opener.passphrase("正确的马 电池 订书钉"),
        Opener.recovery(Secret.random()),
        Opener.machine(Secret.random()),
    ]
    document = seal_root(root, openers[0], CHEAP)
    for opener in openers[1:]:
        document = add_slot(document, root, opener)
    return SealedRoot.parse(document.to_bytes()), root, openers


def test_every_slot_opens_the_new_root_and_none_was_asked():
    document, root, openers = _document()
    fresh = Secret.random()
    moved = SealedRoot.parse(reseal(document, root, fresh).to_bytes())
    assert [slot.slot_id for slot in moved.slots] == [slot.slot_id for slot in document.slots]
    for opener in openers:
        assert open_root(moved, opener) == fresh
        assert open_root(document, opener) == root
    again = Secret.random()
    assert open_root(reseal(moved, fresh, again), openers[1]) == again


def test_a_revoked_slot_does_not_follow():
    document, root, openers = _document()
    fresh = Secret.random()
    less = remove_slot(document, document.slots[0].slot_id)
    moved = reseal(less, root, fresh)
    with pytest.raises(WrongSecret):
        open_root(moved, openers[0])
    # Nor does whoever kept the old root: it opens no envelope of the new document.
    for slot in moved.slots:
        assert slot.relay is not None
        for aad in (b"",):
            with pytest.raises(SealBroken):
                public_in(slot.relay, root, aad)
            with pytest.raises(SealBroken):
                open_with(root, slot.relay, slot.sealed, aad)


def test_another_root_key_moves_nothing():
    document, _, _ = _document()
    with pytest.raises(WrongSecret):
        reseal(document, Secret.random(), Secret.random())


def test_a_public_half_that_was_exchanged_gets_no_root_key():
    document, root, openers = _document()
    mine, slot = Secret.random(), document.slots[0]
    # An attacker with the disk: a relay to a key of their own, as good as they can make it.
    relay, sealed = seal_to(public_of(mine), Secret.random(), slot.slot_id, b"")
    for forged in (replace(slot, relay=relay), replace(slot, relay=relay, sealed=sealed)):
        altered = replace(document, slots=(forged, *document.slots[1:]))
        with pytest.raises(SlotUnreachable):
            reseal(altered, root, Secret.random())
        with pytest.raises(WrongSecret):
            open_root(altered, openers[0])
    swapped = replace(slot, relay=document.slots[1].relay)
    with pytest.raises(SlotUnreachable):
        reseal(replace(document, slots=(swapped,)), root, Secret.random())


def test_a_slot_without_a_relay_is_named():
    document, root, _ = _document()
    old = replace(document.slots[0], relay=None)
    altered = replace(document, slots=(old, *document.slots[1:]))
    assert unreachable(document) == ()
    assert unreachable(altered) == ("passphrase",)
    with pytest.raises(SlotUnreachable) as caught:
        reseal(altered, root, Secret.random())
    assert "passphrase" in caught.value.sentence


@pytest.mark.parametrize("ephemeral", [b"", bytes(31), bytes(32), b"\x01" + bytes(31)])
def test_points_that_are_none_are_refused(ephemeral):
    key, root = Secret.random(), Secret.random()
    relay, sealed = seal_to(public_of(key), root, "s", b"")
    assert open_with(key, relay, sealed, b"") == root
    with pytest.raises(SealBroken):
        open_with(key, Relay(ephemeral, relay.public), sealed, b"")
    with pytest.raises(KeyMalformed):
        seal_to(ephemeral, root, "s", b"")
    with pytest.raises(KeyMalformed):
        public_of(Secret(b"short"))
