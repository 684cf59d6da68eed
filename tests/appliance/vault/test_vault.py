"""The vault: made once, opened by two secrets, closed to every other, wiped when locked."""

import json

import pytest

from appliance.errors import VaultBackoff, VaultLocked, WrongSecret
from appliance.vault.backoff import LONGEST_S, wait_after
from appliance.vault.errors import (
    VaultAbsent,
    VaultDamaged,
    VaultExists,
    VaultUnsupported,
    WeakPassphrase,
)
from appliance.vault.handover import VARIABLE, KeyHandover
from appliance.vault.support import Support, detect, judge
from appliance.vault.vault import Vault
from secure_compute.certificates import issue_server
from secure_compute.errors import KeyMalformed
from secure_compute.note import NoteKey
from secure_compute.secret import Secret
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE


@pytest.fixture
def created(vault):
    return vault.create(PASSPHRASE)


def test_absent_locked_unlocked_locked(vault, files):
    assert vault.status().state == "absent"
    with pytest.raises(VaultAbsent):
        vault.unlock(PASSPHRASE)
    vault.create(PASSPHRASE)
    assert vault.status().state == "locked"
    assert vault.status().slots == ("passphrase", "recovery")
    vault.unlock(PASSPHRASE)
    assert vault.status().state == "unlocked"
    vault.lock()
    vault.lock()
    assert vault.status().state == "locked"
    assert files.calls.count("mount") == 1
    assert "LUKS2" in vault.status().lost_en


def test_both_secrets_open_the_same_keys(vault, created):
    first = {use: vault.unlock(PASSPHRASE).key(use) for use in ("box.db", "audit.db", "usage-salt")}
    vault.lock()
    opened = vault.unlock(f"  {created.recovery_key.lower()} ")
    assert {use: opened.key(use) for use in first} == first
    assert len(set(first.values())) == 3
    assert all(len(key) == 32 for key in first.values())


def test_unlocking_twice_gives_the_same_and_still_wants_the_secret(vault, created, files):
    opened = vault.unlock(PASSPHRASE)
    assert vault.unlock(PASSPHRASE) is opened
    with pytest.raises(WrongSecret):
        vault.unlock("something else entirely")
    assert vault.opened is opened
    assert files.calls.count("mount") == 1


def test_the_box_makes_a_passphrase_when_none_is_given(vault):
    made = vault.create()
    assert len(made.passphrase) >= 12
    vault.unlock(made.passphrase)
    assert made.passphrase not in repr(made)
    assert made.recovery_key not in repr(made)


def test_a_vault_is_never_made_over_another(vault, created, layout):
    before = layout.sealed_root.read_bytes()
    with pytest.raises(VaultExists):
        vault.create(PASSPHRASE)
    assert layout.sealed_root.read_bytes() == before


def test_a_database_without_keys_is_not_overwritten_either(vault, layout):
    layout.vault.mkdir()
    layout.box_db.write_bytes(b"x")
    with pytest.raises(VaultExists):
        vault.create(PASSPHRASE)


@pytest.mark.parametrize("text", ["", "short", " " * 40, "elevenchars"])
def test_a_short_passphrase_is_refused(vault, text):
    with pytest.raises(WeakPassphrase):
        vault.create(text)
    assert vault.status().state == "absent"


WRONG = [
    "", "x", "correct horse batterY", "\x00", "\ud800", "口令" * 2000, "' OR '1'='1", "A" * 1_000_000,
    "YKW3H-WX4RV-EKEM0", "00000-" * 13,
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_every_wrong_secret_looks_the_same(vault, created, text):
    with pytest.raises(WrongSecret) as caught:
        vault.unlock(text)
    assert str(caught.value) == str(WrongSecret())
    assert caught.value.facts == {}
    assert vault.opened is None


def test_a_recovery_key_of_another_box_is_wrong(vault, created, tmp_path, files, clock):
    from appliance.settings.layout import StateLayout

    other = Vault(StateLayout(tmp_path / "other"), "wardbox/other", files, clock, cost=CHEAP)
    with pytest.raises(WrongSecret):
        vault.unlock(other.create(PASSPHRASE).recovery_key)


def test_failures_make_the_wait_longer_even_over_a_restart(vault, created, layout, files, clock):
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    again = Vault(layout, "wardbox/test", files, clock, cost=CHEAP)
    with pytest.raises(VaultBackoff) as caught:
        again.unlock(PASSPHRASE)
    assert caught.value.facts["seconds"] == 1
    clock.move(1)
    with pytest.raises(WrongSecret):
        again.unlock("wrong wrong wrong")
    clock.move(1)
    with pytest.raises(VaultBackoff):
        again.unlock(PASSPHRASE)
    clock.move(1)
    again.unlock(PASSPHRASE)
    again.lock()
    with pytest.raises(WrongSecret):
        again.unlock("wrong wrong wrong")
    again.unlock(PASSPHRASE)


def test_the_paper_key_works_while_others_wait(vault, created):
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    vault.unlock(created.recovery_key)


def test_a_clock_set_back_locks_nobody_out(vault, created, clock):
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    clock.move(-86_400)
    with pytest.raises(VaultBackoff) as caught:
        vault.unlock(PASSPHRASE)
    assert caught.value.facts["seconds"] <= LONGEST_S


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"failures":"x","last":0}', b"\xff" * 9000]
)
def test_a_damaged_count_of_failures_counts_as_none(vault, created, layout, content):
    layout.unlock_failures.write_bytes(content)
    vault.unlock(PASSPHRASE)


def test_the_wait_doubles_up_to_five_minutes():
    assert [wait_after(n) for n in range(13)] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert wait_after(10**9) == LONGEST_S


def test_locking_wipes_every_key(vault, created):
    opened = vault.unlock(PASSPHRASE)
    signer = opened.signing_key("audit")
    opened.key("box.db")
    vault.lock()
    for use in ("box.db", "never-asked-before"):
        with pytest.raises(VaultLocked):
            opened.key(use)
    with pytest.raises(VaultLocked):
        opened.signing_key("audit")
    with pytest.raises(VaultLocked):
        opened.ca()
    with pytest.raises(KeyMalformed):
        signer.sign(b"x")


def test_a_new_use_gets_a_key_that_lasts(vault, created):
    first = vault.unlock(PASSPHRASE).key("dataset.7")
    vault.lock()
    assert vault.unlock(PASSPHRASE).key("dataset.7") == first


def test_the_public_halves_lie_outside(vault, created, layout, clock):
    opened = vault.unlock(PASSPHRASE)
    public = NoteKey.parse(layout.box_vkey.read_text())
    assert public.name == "wardbox/test"
    assert public.key.public == opened.signing_key("audit").verify_key.public
    authority = opened.ca()
    assert layout.ca_file.read_bytes() == authority.certificate_pem
    issue_server(authority, ["box.local"], clock())
    assert opened.signing_key("manifest").key_id != opened.signing_key("audit").key_id


def test_no_secret_lies_in_the_key_files(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    secrets = [opened.key("box.db"), opened.ca().key_pem, PASSPHRASE.encode()]
    for path in layout.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(
                secret in content or secret.hex().encode() in content for secret in secrets
            )
            public = path in {layout.box_vkey, layout.ca_file}
            assert path.stat().st_mode & 0o777 == (0o644 if public else 0o600), path


def test_changing_the_passphrase_and_the_paper_key(vault, created):
    vault.change_passphrase(PASSPHRASE, "another passphrase")
    paper = vault.change_recovery_key("another passphrase")
    vault.unlock("another passphrase")
    vault.lock()
    vault.unlock(paper)
    for old in (PASSPHRASE, created.recovery_key):
        with pytest.raises(WrongSecret):
            vault.unlock(old)
    assert vault.status().slots == ("recovery", "passphrase") or vault.status().slots == (
        "passphrase",
        "recovery",
    )
    with pytest.raises(WeakPassphrase):
        vault.change_passphrase("another passphrase", "short")
    with pytest.raises(WrongSecret):
        vault.change_passphrase("wrong wrong wrong", "another passphrase")


@pytest.mark.parametrize("name", ["sealed_root", "keyring_file"])
@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "other", "huge"])
def test_damaged_key_files_are_told(vault, created, layout, name, damage):
    path = getattr(layout, name)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 4
    path.write_bytes(
        {
            "cut": content[:-40],
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


def test_keys_of_another_box_do_not_open(vault, created, layout, tmp_path, files, clock):
    from appliance.settings.layout import StateLayout

    other = StateLayout(tmp_path / "other")
    Vault(other, "wardbox/other", files, clock, cost=CHEAP).create(PASSPHRASE)
    layout.keyring_file.write_bytes(other.keyring_file.read_bytes())
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


def test_a_missing_keyring_is_told(vault, created, layout):
    layout.keyring_file.unlink()
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
