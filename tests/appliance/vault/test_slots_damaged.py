"""Slots of a vault that was damaged or copied, and what of them lies in the files."""

import pytest

from appliance.api.slot_views import slot_list
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.slot_making import SlotWish
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.slotted import ME, PRESENT


@pytest.fixture
def vault(made):
    vault = made()
    vault.create(PASSPHRASE)
    return vault


def test_every_damaged_byte_of_one_copy_costs_nothing(vault, layout):
    content = layout.sealed_root.read_bytes()
    for path in (layout.sealed_root, layout.sealed_root_copy):
        for at in range(0, len(content), 7):
            path.write_bytes(content[:at] + bytes((content[at] ^ 0x15,)) + content[at + 1 :])
            assert read_sealed_root(layout).to_bytes() == content
        assert vault.status().warnings[0].sentence.startswith("根密钥文件")
        path.write_bytes(content[:100])
        vault.unlock(PASSPHRASE)
        vault.lock()
        path.unlink()
        assert vault.status().state == "locked"
        vault.unlock(PASSPHRASE)
        vault.lock()
        path.write_bytes(content)


def test_both_copies_damaged_alike_leave_the_other_slots(vault, layout):
    content = layout.sealed_root.read_bytes()
    at = content.index(b'"kind":"recovery"') + 30
    bad = content[:at] + b"!!" + content[at + 2 :]
    for path in (layout.sealed_root, layout.sealed_root_copy):
        path.write_bytes(bad)
    assert vault.status().slots == ("passphrase",)
    vault.unlock(PASSPHRASE)
    vault.slots.add(PRESENT, SlotWish("recovery"), ME)
    assert vault.status().slots == ("passphrase", "recovery")
    assert vault.status().warnings == ()
    for path in (layout.sealed_root, layout.sealed_root_copy):
        path.write_bytes(b"\0" * 5000)
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"format":"wardbox-slot-book/1","slots":{"a":{"label":5}}}',
                b'{"format":"wardbox-slot-book/1","slots":[]}', "year 32000", "before 1970"]
)  # fmt: skip
def test_a_damaged_notebook_is_an_empty_one(vault, layout, content):
    vault.slots.add(PRESENT, SlotWish("recovery", "safe"), ME)
    if isinstance(content, str):
        vault.slots.book.note("ab", tested=10**12 if "32000" in content else -1)
    else:
        layout.slot_book.write_bytes(content)
    assert [note.label for _, note in vault.slots.listed()] == ["", "", ""]
    slot_list(vault.slots)
    vault.unlock(PASSPHRASE)


def test_no_secret_of_a_slot_lies_in_the_files(vault, layout, chip):
    shares = vault.slots.add(PRESENT, SlotWish("shares", holders=("a", "b")), ME).shares
    paper = vault.slots.add(PRESENT, SlotWish("recovery"), ME).recovery_key
    file = vault.slots.add(PRESENT, SlotWish("keyfile", passphrase="words of a stick"), ME)
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    planted = [*shares, paper, file.key_file.splitlines()[1], "words of a stick"]
    planted += [key.reveal().hex() for key in chip.kept.values()]
    for path in layout.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes().decode("latin-1")
            assert not any(secret in content for secret in planted), path
            assert path.stat().st_mode & 0o077 == 0 or path.suffix in {".vkey", ".pem"}
    assert not any(secret in repr(file) + repr(shares[0:0]) for secret in planted)


def test_a_copied_box_is_told_until_somebody_claims_it(vault, made):
    vault.unlock(PASSPHRASE)
    vault.close()
    copy = made(marks={"system": "ff"})
    assert "another machine" in copy.status().warnings[0].sentence
    copy.unlock(PASSPHRASE)
    assert "another machine" in copy.status().warnings[0].sentence
    copy.claim()
    assert copy.status().warnings == ()
    assert made().status().warnings != ()
