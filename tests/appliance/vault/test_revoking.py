"""A slot is revoked and the root key replaced in one step, whatever comes between."""

import pytest

from appliance.errors import VaultLocked, WrongSecret
from appliance.vault.handover import KeyHandover
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.slot_errors import SlotsPersonless
from appliance.vault.slot_making import SlotWish
from appliance.vault.vault import Vault
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, ways_of
from tests.appliance.vault.crashing import full_disk, killed_at, stepping
from tests.appliance.vault.slotted import ME, PRESENT, ids

LEAVING = "the words of who leaves"


@pytest.fixture
def start(layout, files, clock):
    def start(handover=None):
        ways = ways_of(layout, clock)
        return Vault(layout, "wardbox/test", files, clock, handover=handover, cost=CHEAP, ways=ways)

    return start


def test_who_was_revoked_opens_nothing_and_the_root_key_is_another(start, layout):
    vault = start()
    vault.create(PASSPHRASE)
    slot = vault.slots.add(PRESENT, SlotWish("passphrase", passphrase=LEAVING), ME).slot_id
    with pytest.raises(VaultLocked):
        vault.revoke(PRESENT, slot)
    vault.unlock(LEAVING)
    before = read_sealed_root(layout).root_id
    assert vault.revoke(PRESENT, slot).slot_id == slot
    assert read_sealed_root(layout).root_id == vault.opened.root_id != before
    vault.lock()
    with pytest.raises(WrongSecret):
        vault.unlock(LEAVING)
    vault.unlock(PASSPHRASE)
    vault.revoke(PRESENT, ids(vault)["recovery"])
    after = read_sealed_root(layout).root_id
    with pytest.raises(SlotsPersonless):
        vault.revoke(PRESENT, ids(vault)["passphrase"])
    assert read_sealed_root(layout).root_id == after


def test_killed_at_any_step_nobody_is_gone_under_the_old_root_key(start, layout):
    handover = KeyHandover.create()
    try:
        first = start(handover)
        first.create(PASSPHRASE)
        first.unlock(PASSPHRASE)
        states, points = set(), 0
        slot = first.slots.add(PRESENT, SlotWish("passphrase", passphrase=LEAVING), ME).slot_id
        first.close()

        def prepare():
            vault = start(handover)
            assert vault.resume() is not None
            return vault

        def revoke(vault):
            vault.revoke(PRESENT, slot)

        root = read_sealed_root(layout).root_id
        while killed_at(points + 1, prepare, revoke):
            points += 1
            vault = start(handover)
            assert vault.resume() is not None, f"step {points}"
            document = read_sealed_root(layout)
            gone = slot not in {one.slot_id for one in document.slots}
            assert gone == (document.root_id != root), f"step {points}"
            states.add(gone)
            if gone:
                wish = SlotWish("passphrase", passphrase=LEAVING)
                slot = vault.slots.add(PRESENT, wish, ME).slot_id
            vault.close()
            root = read_sealed_root(layout).root_id
        assert points >= 20
        assert states == {False, True}
    finally:
        handover.close()


def test_a_full_disk_leaves_the_slot_or_takes_it_with_the_root_key(start, layout):
    vault = start()
    vault.create(PASSPHRASE)
    vault.unlock(PASSPHRASE)
    seen = set()
    for step in range(1, 60):
        slot = vault.slots.add(PRESENT, SlotWish("passphrase", passphrase=LEAVING), ME).slot_id
        root, refused = read_sealed_root(layout).root_id, False
        with stepping(step, full_disk) as steps:
            try:
                vault.revoke(PRESENT, slot)
            except OSError:
                refused = True
        document = read_sealed_root(layout)
        gone = slot not in {one.slot_id for one in document.slots}
        assert gone == (document.root_id != root), f"step {step}"
        assert vault.opened.root_id == document.root_id
        seen.add((gone, refused))
        if not gone:
            vault.revoke(PRESENT, slot)
        if steps.count < step:
            break
    assert seen == {(False, True), (True, False)}


def test_a_notebook_that_cannot_be_written_stands_in_nobodys_way(start, layout, monkeypatch):
    vault = start()
    vault.create(PASSPHRASE)
    monkeypatch.setattr("appliance.vault.slot_book.write_private", lambda *_: full_disk())
    vault.unlock(PASSPHRASE)
    first = ids(vault)["recovery"]
    added = vault.slots.add(PRESENT, SlotWish("recovery"), ME)
    vault.slots.revoke(PRESENT, first)
    vault.lock()
    vault.unlock(added.recovery_key)
