"""The vault: made once, opened by two secrets, closed to every other, wiped when locked."""

import pytest

from appliance.errors import VaultBackoff, VaultLocked, WrongSecret
from appliance.vault.backoff import LONGEST_S, wait_after
from appliance.vault.errors import (
    VaultAbsent,
    VaultExists,
    WeakPassphrase,
)
from appliance.vault.keyfile import write_private
from appliance.vault.vault import Vault
from secure_compute.canonical import canonical_bytes
from secure_compute.certificates import issue_server
from secure_compute.errors import KeyMalformed
from secure_compute.note import NoteKey
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, ways_of
from tests.appliance.vault.crashing import full_disk


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
    assert vault.status().backend == files.name


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
    "YKW3H-WX4RV-EKEM0",
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
    ways = ways_of(layout, clock)
    again = Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways)
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


@pytest.mark.parametrize("year", [1970, 1980, 2099])
def test_no_wall_clock_shortens_or_lengthens_a_wait(vault, created, clock, year):
    for _ in range(9):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
        clock.move(LONGEST_S)
    with pytest.raises(WrongSecret):
        vault.unlock("wrong wrong wrong")
    clock.now = clock.now.replace(year=year)
    with pytest.raises(VaultBackoff) as caught:
        vault.unlock(PASSPHRASE)
    assert 0 < caught.value.facts["seconds"] <= LONGEST_S
    clock.up += caught.value.facts["seconds"]
    vault.unlock(PASSPHRASE)


def test_a_wait_begins_anew_with_a_boot_and_ends(vault, created, layout, files, clock):
    for _ in range(12):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
        clock.move(LONGEST_S)
    clock.up = 3
    ways = ways_of(layout, clock, boot="boot-2")
    again = Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways)
    with pytest.raises(VaultBackoff) as caught:
        again.unlock(PASSPHRASE)
    assert caught.value.facts["seconds"] == LONGEST_S - 3
    clock.move(LONGEST_S - 3)
    again.unlock(PASSPHRASE)


def test_on_a_full_disk_failures_are_counted_all_the_same(vault, created, clock, monkeypatch):
    monkeypatch.setattr("appliance.vault.backoff.write_private", lambda *_: full_disk())
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    with pytest.raises(VaultBackoff):
        vault.unlock(PASSPHRASE)
    clock.move(1)
    vault.unlock(PASSPHRASE)
    with pytest.raises(WrongSecret):
        vault.unlock("wrong wrong wrong")


def test_a_failure_that_is_still_to_come_keeps_nobody_out(vault, created, layout, clock):
    failed = {"boot": "boot-1", "failures": 20, "last": int(clock.up) + 1_000_000}
    write_private(layout.unlock_failures, canonical_bytes(failed))
    clock.up = LONGEST_S + 1
    vault.unlock(PASSPHRASE)


def test_five_thousand_wrong_tries_over_restarts(layout, files, clock):
    """Of 5,000 tries, one each second with a restart every hundred, only a handful are looked at."""
    Vault(layout, "wardbox/test", files, clock, cost=CHEAP).create(PASSPHRASE)
    looked_at = 0
    for number in range(5000):
        if number % 100 == 0:
            ways = ways_of(layout, clock)
            vault = Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways)
        clock.move(1)
        try:
            vault.unlock(f"guess number {number}")
        except WrongSecret:
            looked_at += 1
        except VaultBackoff:
            continue
    assert looked_at == 3 + 9 + (5000 - 3 - 511) // LONGEST_S
    clock.move(LONGEST_S)
    vault.unlock(PASSPHRASE)


def test_a_failure_that_an_older_release_noted_still_counts(vault, created, layout, clock):
    layout.unlock_failures.write_bytes(b'{"failures":5,"last":1700000000}')
    clock.up = 1.0
    with pytest.raises(VaultBackoff):
        vault.unlock(PASSPHRASE)
    clock.move(4)
    vault.unlock(PASSPHRASE)


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
