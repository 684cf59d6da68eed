"""The vault after a change of secrets, damage, an interruption or the death of its process."""

import json
import os

import pytest

from appliance.errors import WrongSecret
from appliance.vault.erasure import erase_box
from appliance.vault.errors import (
    VaultDamaged,
    VaultUnsupported,
)
from appliance.vault.forgotten import ForgottenList, Gone
from appliance.vault.handover import VARIABLE, KeyHandover
from appliance.vault.support import Support, detect, judge
from appliance.vault.vault import Vault
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.secret import Secret
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE


@pytest.mark.parametrize("name", ["sealed_root", "keyring_file"])
@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "other", "huge"])
def test_damaged_key_files_are_told(vault, created, layout, name, damage):
    layout.sealed_root_copy.unlink()
    layout.keyring_copy.unlink()
    path = getattr(layout, name)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 4
    path.write_bytes(
        {
            "cut": content[: len(content) // 4],
            "empty": b"",
            "flip": bytes(flipped),
            "other": json.dumps({"format": "x"}).encode(),
            "huge": b" " * (2 << 20),
        }[damage]
    )
    with pytest.raises((VaultDamaged, WrongSecret)) as caught:
        vault.unlock(PASSPHRASE)
    assert caught.value.way_out
    assert vault.opened is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", []), ("format", {}), ("state", []), ("state", {}), ("made", 1 << 39), ("made", -1)],
)
def test_a_keyring_with_other_types_is_told(vault, created, layout, field, value):
    book = parse_canonical(layout.keyring_file.read_bytes())
    (book if field == "format" else book["keys"][0])[field] = value
    layout.keyring_file.write_bytes(canonical_bytes(book))
    layout.keyring_copy.write_bytes(canonical_bytes(book))
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


def test_keys_of_another_box_do_not_open(vault, created, layout, tmp_path, files, clock):
    from appliance.settings.layout import StateLayout

    other = StateLayout(tmp_path / "other")
    Vault(other, "wardbox/other", files, clock, cost=CHEAP).create(PASSPHRASE)
    layout.keyring_file.write_bytes(other.keyring_file.read_bytes())
    layout.keyring_copy.write_bytes(other.keyring_file.read_bytes())
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


def test_a_missing_keyring_is_told(vault, created, layout):
    layout.keyring_file.unlink()
    layout.keyring_copy.unlink()
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


def test_an_interrupted_creation_can_be_repeated(vault, layout, files, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("appliance.vault.vault.write_sealed_root", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            vault.create(PASSPHRASE)
    assert vault.status().state == "absent"
    vault.create(PASSPHRASE)
    vault.unlock(PASSPHRASE)


def test_a_killed_daemon_comes_back_unlocked_and_a_locked_one_does_not(layout, files, clock):
    handover = KeyHandover.create()
    try:
        first = Vault(layout, "wardbox/test", files, clock, handover=handover, cost=CHEAP)
        first.create(PASSPHRASE)
        assert first.resume() is None
        key = first.unlock(PASSPHRASE).key("box.db")
        first.close()
        second = Vault(layout, "wardbox/test", files, clock, handover=handover, cost=CHEAP)
        resumed = second.resume()
        assert resumed is not None
        assert resumed.key("box.db") == key
        second.lock()
        assert Vault(layout, "wardbox/test", files, clock, handover=handover).resume() is None
    finally:
        handover.close()


def test_a_handover_of_another_vault_is_wiped(vault, created, layout, files, clock):
    handover = KeyHandover.create()
    try:
        with Secret.random() as root:
            handover.write(root)
        assert Vault(layout, "x/y", files, clock, handover=handover).resume() is None
        assert handover.read() is None
    finally:
        handover.close()


def test_only_a_real_handover_is_inherited(tmp_path):
    handover = KeyHandover.create()
    with (tmp_path / "file").open("wb+") as other:
        other.truncate(32)
        for text in ("", "x", "0", "-1", "99999", "9" * 5000, "٣", str(other.fileno())):
            assert KeyHandover.inherited({VARIABLE: text}) is None
    found = KeyHandover.inherited({VARIABLE: str(handover.descriptor)})
    assert found is not None
    assert found.descriptor == handover.descriptor
    handover.close()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"aes": False}, "AES"),
        ({"fuse": False}, "/dev/fuse"),
        ({"gocryptfs": None}, "gocryptfs"),
        ({"fusermount": None}, "fusermount3"),
    ],
)
def test_a_machine_that_cannot_encrypt_is_told_what_it_lacks(tmp_path, change, word):
    whole = {"aes": True, "fuse": True, "gocryptfs": tmp_path, "fusermount": tmp_path}
    judge(Support(**whole))
    with pytest.raises(VaultUnsupported) as caught:
        judge(Support(**{**whole, **change}))
    assert word in caught.value.sentence_en
    assert caught.value.way_out
    assert "never runs unencrypted" in str(caught.value)


@pytest.mark.parametrize(
    ("cpuinfo", "aes"),
    [
        ("flags\t\t: fpu aes avx2\n", True),
        ("Features\t: fp asimd aes\n", True),
        ("flags\t\t: fpu avx2 vaes_not\n", False),
        ("", False),
    ],
)
def test_aes_is_read_from_the_processor(tmp_path, cpuinfo, aes):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(cpuinfo)
    found = detect(tmp_path, search=str(tmp_path))
    assert found == Support(aes=aes, fuse=False, gocryptfs=None, fusermount=None)


def test_the_certificate_is_issued_once_and_again_for_a_new_name(vault, created, layout, clock):
    from appliance.vault.authority import renew_certificate

    opened = vault.unlock(PASSPHRASE)
    assert renew_certificate(layout, opened, ["box.local"], clock) == "absent"
    assert renew_certificate(layout, opened, ["box.local"], clock) is None
    assert renew_certificate(layout, opened, ["box.local", "10.0.0.5"], clock) == "names"
    clock.move(380 * 86_400)
    assert renew_certificate(layout, opened, ["box.local"], clock) == "expiring"
    assert layout.tls_key.stat().st_mode & 0o777 == 0o600


def test_a_vault_is_put_together_from_settings(layout, clock):
    from appliance.settings.reading import load
    from appliance.vault.assembly import build_vault

    built = build_vault(layout, load(layout.root, {}), {VARIABLE: "no number"}, clock)
    assert built.status().state == "absent"
    assert built.resume() is None


def test_a_line_of_the_destroyed_that_did_not_fit_is_no_line(tmp_path, monkeypatch):
    """A disk that is nearly full takes a part of a write and says nothing."""
    listed = ForgottenList(tmp_path / "forgotten.jsonl")
    first, second = Gone("patient", b"a" * 32, 7), Gone("patient", b"b" * 32, 8)
    listed.add(first)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, data: write(handle, data[: len(data) // 2]))
        with pytest.raises(OSError, match="No space left"):
            listed.add(second)
    assert listed.all() == (first,)
    listed.add(second)
    assert listed.all() == (first, second)
    listed.add(Gone("patient", b"c" * 32, 1 << 39))
    assert listed.all() == (first, second)


def test_a_vault_that_was_destroyed_is_told_from_one_that_was_never_made(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    erase_box(layout, opened, ("local:console",), 7, "wardbox/test")
    vault.close()
    status = vault.status()
    assert status.state == "absent"
    assert "destroyed on purpose" in status.warnings[0].sentence
    layout.erased_file.unlink()
    assert vault.status().warnings == ()
