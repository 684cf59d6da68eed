"""Slots of a vault: added, tried, replaced and revoked by people."""

import pytest

from appliance.errors import VaultBackoff, WrongSecret
from appliance.vault.errors import PassphraseUnfit, WeakPassphrase
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.offer import Offer
from appliance.vault.slot_errors import SlotsPersonless, SlotUnfit, SlotUnknown
from appliance.vault.slot_making import SlotWish
from secure_compute.errors import RecoveryKeyMistyped
from secure_compute.slot_errors import (
    KeyFileMalformed,
    NetworkSlotRefused,
    ShareMistyped,
    SharesUnfit,
    TpmUnavailable,
)
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.slotted import ME, PRESENT, ids


@pytest.fixture
def vault(made):
    vault = made()
    vault.create(PASSPHRASE)
    return vault


def test_the_first_slots_are_listed_and_say_when_they_were_used(vault, clock):
    assert [slot.kind for slot, _ in vault.slots.listed()] == ["passphrase", "recovery"]
    vault.unlock(PASSPHRASE)
    (_, first), (_, second) = vault.slots.listed()
    assert (first.used, second.used) == (int(clock.now.timestamp()), None)
    vault.slots.test(PRESENT)
    assert vault.slots.listed()[0][1].tested == int(clock.now.timestamp())


def test_nothing_can_be_added_without_a_secret_or_what_it_needs(vault, chip):
    before = read_sealed_root(vault._layout)
    chip.broken = TpmUnavailable(reason_zh="没有", reason="it is gone")
    for wish, refusal in (
        (SlotWish("tpm"), TpmUnavailable),
        (SlotWish("passphrase", passphrase="short"), WeakPassphrase),
        (SlotWish("shares", needed=3, holders=("a", "b")), SharesUnfit),
        (SlotWish("shares", needed=2, holders=("a", "a")), SlotUnfit),
        (SlotWish("network", url="ftp://x", thumbprint="x"), SlotUnfit),
        (SlotWish("network", url="http://x"), SlotUnfit),
        (SlotWish("network", url="http://x", thumbprint="x"), NetworkSlotRefused),
        (SlotWish("machine"), SlotUnfit),
        (SlotWish("recovery", label="a\x1b[2J"), SlotUnfit),
        (SlotWish("recovery", label="x" * 65), SlotUnfit),
    ):
        with pytest.raises(refusal):
            vault.slots.add(PRESENT, wish, ME)
    with pytest.raises(WrongSecret):
        vault.slots.add(Offer("wrong wrong wrong"), SlotWish("recovery"), ME)
    with pytest.raises(SlotUnknown):
        vault.slots.reseal(PRESENT, None, ME)
    with pytest.raises(SlotUnknown):
        vault.slots.revoke(PRESENT, "f" * 16)
    assert read_sealed_root(vault._layout) == before


def test_shares_open_and_wrong_ones_are_told(vault):
    wish = SlotWish("shares", "officers", needed=2, holders=("李", "王", "陈"))
    first, second, third = vault.slots.add(PRESENT, wish, ME).shares
    vault.unlock(Offer(shares=(third, first)))
    vault.lock()
    others = vault.slots.add(PRESENT, wish, ME).shares
    for shares, refusal in (
        ((first,), SharesUnfit),
        ((first, others[1]), SharesUnfit),
        ((first, second[:-2] + ("00" if second[-2:] != "00" else "11")), ShareMistyped),
    ):
        with pytest.raises(refusal):
            vault.unlock(Offer(shares=shares))
    # None of these cost a try: they are told from what anybody can check.
    vault.unlock(PASSPHRASE)


def test_shares_are_no_way_round_the_wait_for_a_passphrase(vault):
    wish = SlotWish("shares", needed=2, holders=("李", "王"))
    shares = vault.slots.add(PRESENT, wish, ME).shares
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    with pytest.raises(VaultBackoff):
        vault.unlock(PASSPHRASE)
    vault.unlock(Offer(shares=shares))


def test_a_key_file_opens_with_its_words_and_waits_like_a_passphrase(vault):
    wish = SlotWish("keyfile", passphrase="the words of the stick")
    content = vault.slots.add(PRESENT, wish, ME).key_file.encode()
    vault.unlock(Offer("the words of the stick", key_file=content))
    vault.lock()
    with pytest.raises(KeyFileMalformed):
        vault.unlock(Offer("the words of the stick", key_file=content[:-9]))
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock(Offer("other words of it", key_file=content))
    with pytest.raises(VaultBackoff):
        vault.unlock(Offer("the words of the stick", key_file=content))


def test_typing_errors_in_the_recovery_key_are_told_by_group(vault):
    paper = vault.slots.add(PRESENT, SlotWish("recovery"), ME).recovery_key
    groups = paper.split("-")
    groups[4] = groups[4][:2] + ("Z" if groups[4][2] != "Z" else "Y") + groups[4][3:]
    with pytest.raises(RecoveryKeyMistyped, match="group 5 is wrong"):
        vault.unlock("-".join(groups))
    with pytest.raises(RecoveryKeyMistyped, match="60 signs, not 65"):
        vault.unlock(paper[6:])
    vault.unlock(paper.replace("-", " ").lower())


@pytest.mark.parametrize(
    "between", ["\u2212", "_", "\u00b7", "、", "─", "\u200b", "\u00ad", " - ", "——"], ids=ascii
)
def test_whatever_stands_between_the_groups_is_not_read(vault, between):
    paper = vault.slots.add(PRESENT, SlotWish("recovery"), ME).recovery_key
    for text in (paper.replace("-", between), f"\ufeff“{paper}”。", f"\u202d{paper}\u202c"):
        assert vault.slots.test(Offer(text)).kind == "recovery"
    groups = paper.split("-")
    groups[1] = groups[0]
    with pytest.raises(RecoveryKeyMistyped, match="group 2 is wrong"):
        vault.unlock(between.join(groups))


def test_a_slip_in_the_recovery_key_is_told_without_groups_and_while_others_wait(vault):
    paper = vault.slots.add(PRESENT, SlotWish("recovery"), ME).recovery_key
    slip = paper[:-1] + ("A" if paper[-1] != "A" else "B")
    for text in (slip, slip.replace("-", ""), paper.replace("-", "一")):
        with pytest.raises(RecoveryKeyMistyped):
            vault.unlock(text)
    with pytest.raises(VaultBackoff):
        vault.unlock(PASSPHRASE)
    with pytest.raises(RecoveryKeyMistyped, match="group 13 is wrong"):
        vault.unlock(slip)
    vault.unlock(paper)


def test_what_could_never_be_entered_is_no_passphrase(vault, made, layout):
    for kind in ("passphrase", "keyfile"):
        with pytest.raises(PassphraseUnfit, match="1024 bytes"):
            vault.slots.add(PRESENT, SlotWish(kind, passphrase="口" * 342), ME)
    vault.slots.add(PRESENT, SlotWish("passphrase", passphrase="口" * 341), ME)
    vault.unlock("口" * 341)


def test_a_slot_that_takes_a_secret_is_not_tried_without_one(vault):
    for slot_id in ids(vault).values():
        with pytest.raises(SlotUnfit, match="takes its secret"):
            vault.slots.test_unattended(slot_id)


def test_a_person_must_always_be_able_to_open(vault):
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    vault.slots.revoke(PRESENT, ids(vault)["recovery"])
    with pytest.raises(SlotsPersonless):
        vault.slots.revoke(PRESENT, ids(vault)["passphrase"])
    with pytest.raises(SlotsPersonless):
        vault.slots.replace(PRESENT, ids(vault)["passphrase"], SlotWish("tpm"), ME)
    fresh = SlotWish("passphrase", passphrase="another passphrase")
    vault.slots.replace(PRESENT, ids(vault)["passphrase"], fresh, ME)
    with pytest.raises(WrongSecret):
        vault.unlock(PASSPHRASE)
    vault.unlock("another passphrase")


def test_a_revoked_slot_opens_nothing_after_the_rotation(vault, created_paper):
    vault.unlock(PASSPHRASE)
    old = read_sealed_root(vault._layout)
    vault.slots.revoke(PRESENT, ids(vault)["recovery"])
    vault.rotate_root()
    with pytest.raises(WrongSecret):
        vault.unlock(created_paper)
    assert read_sealed_root(vault._layout).root_id != old.root_id


@pytest.fixture
def created_paper(vault):
    return vault.slots.replace(
        PRESENT, ids(vault)["recovery"], SlotWish("recovery"), ME
    ).recovery_key


def test_the_clock_at_1970_locks_nobody_out_of_slots(vault, clock):
    clock.now = clock.now.replace(year=1970)
    vault.slots.add(PRESENT, SlotWish("recovery", "made in 1970"), ME)
    vault.unlock(PASSPHRASE)
