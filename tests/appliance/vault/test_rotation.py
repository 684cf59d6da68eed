"""Rotation of the root key: nobody is disturbed, every step may be the last one before a power cut."""

import shutil
import threading
from contextlib import suppress

import pytest

from appliance.errors import VaultLocked, WrongSecret
from appliance.settings.layout import StateLayout
from appliance.vault.errors import KeyUnknown, VaultDamaged
from appliance.vault.handover import KeyHandover
from appliance.vault.keybook import KeyBook
from appliance.vault.keyfile import read_keyring, read_sealed_root, write_private
from appliance.vault.offer import Offer
from appliance.vault.slot_making import SlotWish
from appliance.vault.vault import Vault
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SlotUnreachable
from secure_compute.sealed_root import SealedRoot
from secure_compute.suites import CHINESE
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, NotedMount
from tests.appliance.vault.crashing import full_disk, killed_at, stepping

USES = ("box.db", "audit.db", "files", "usage-salt")


def _vault(layout: StateLayout, clock, files=None, handover=None) -> Vault:
    kept = files or NotedMount()
    return Vault(layout, "wardbox/test", kept, clock, cost=CHEAP, handover=handover)


def _keys(vault: Vault) -> dict[str, bytes]:
    assert vault.opened is not None
    return {use: vault.opened.key(use) for use in USES} | {
        "authority": vault.opened.ca().key_pem,
        "audit": vault.opened.signing_key("audit").seed(),
    }


def test_both_secrets_open_the_new_root_and_every_key_is_the_same(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    before, old = _keys(vault), layout.sealed_root.read_bytes() + layout.keyring_file.read_bytes()
    roots = {opened.root_id, vault.rotate_root(), vault.rotate_root()}
    assert len(roots) == 3
    # What was handed out goes on: the same object, the same keys.
    assert vault.opened is opened
    assert _keys(vault) == before
    for secret in (PASSPHRASE, created.recovery_key):
        vault.lock()
        vault.unlock(secret)
        assert _keys(vault) == before
    assert read_sealed_root(layout).root_id.encode() not in old
    assert not layout.rotation_file.exists()


def test_a_locked_vault_rotates_nothing(vault, created):
    with pytest.raises(VaultLocked):
        vault.rotate_root()


def test_a_revoked_secret_and_the_old_files_are_of_no_use(vault, created, layout, tmp_path):
    """An officer leaves with the passphrase, a copy of the keys and the disk as it was then."""
    vault.unlock(PASSPHRASE)
    copy = StateLayout(tmp_path / "copy")
    copy.keys.mkdir(parents=True)
    for name in ("root.json", "keyring.json"):
        shutil.copy(layout.keys / name, copy.keys / name)
    old = vault.slots.listed()[0][0].slot_id
    wish = SlotWish("passphrase", passphrase="a new passphrase of the box")
    vault.slots.replace(Offer(PASSPHRASE), old, wish, "user:admin")
    vault.rotate_root()
    vault.lock()
    with pytest.raises(WrongSecret):
        vault.unlock(PASSPHRASE)
    # The old root opens the old copy and nothing of the new files.
    shutil.copy(layout.keyring_file, copy.keyring_file)
    with pytest.raises(VaultDamaged):
        _vault(copy, vault._clock).unlock(PASSPHRASE)


def test_a_slot_that_cannot_follow_stops_the_rotation(vault, created, layout):
    vault.unlock(PASSPHRASE)
    value = parse_canonical(layout.sealed_root.read_bytes())
    del value["slots"][1]["relay"], value["check"]
    write_private(layout.sealed_root, canonical_bytes(value))
    before = layout.keyring_file.read_bytes()
    with pytest.raises(SlotUnreachable):
        vault.rotate_root()
    assert layout.keyring_file.read_bytes() == before
    assert vault.opened is not None
    vault.opened.key("box.db")


def test_the_suite_changes_with_a_rotation(vault, created, layout):
    vault.unlock(PASSPHRASE)
    before = _keys(vault)
    vault.lock()
    vault.suite = CHINESE
    vault.unlock(PASSPHRASE)
    assert _keys(vault) == before
    vault.rotate_root()
    assert {key.wrapped.sealed.algorithm for key in read_keyring(layout).keys} == {"sm4-gcm"}
    assert _keys(vault) == before


def test_killed_at_every_step_the_vault_opens_with_the_same_keys(created, layout, files, clock):
    handover = KeyHandover.create()
    try:
        first = _vault(layout, clock, files, handover)
        first.unlock(PASSPHRASE)
        before, points = _keys(first), 0
        first.close()

        def prepare() -> Vault:
            vault = _vault(layout, clock, files, handover)
            assert vault.resume() is not None
            return vault

        roots = set()
        while killed_at(points + 1, prepare, lambda vault: vault.rotate_root()):
            points += 1
            vault = _vault(layout, clock, files, handover)
            # The supervisor's key opens it without anybody, whichever root it is now.
            assert vault.resume() is not None, f"step {points}"
            assert _keys(vault) == before
            vault.close()
            again = _vault(layout, clock, files)
            again.unlock(created.recovery_key if points % 2 else PASSPHRASE)
            assert _keys(again) == before
            assert not layout.rotation_file.exists()
            roots.add(read_sealed_root(layout).root_id)
            again.close()
        print(f"crash points of a rotation: {points}")
        assert points >= 20
        # Early kills left the old root, late ones the new one.
        assert 2 <= len(roots) < points
    finally:
        handover.close()


def test_a_disk_that_is_full_at_any_step_loses_nothing(created, layout, files, clock):
    vault, refused, points = _vault(layout, clock, files), 0, 0
    vault.unlock(PASSPHRASE)
    before = _keys(vault)
    while True:
        with stepping(points + 1, full_disk) as steps:
            try:
                vault.rotate_root()
            except OSError:
                refused += 1
        if steps.count <= points:
            break
        points += 1
        assert _keys(vault) == before
        other = _vault(layout, clock)
        other._files.keys.add(before["files"])
        other.unlock(PASSPHRASE)
        assert _keys(other) == before, f"step {points}"
        other.close()
    print(f"full-disk points of a rotation: {points}, refused: {refused}")
    assert points >= 15
    assert refused >= 2


def test_a_rotation_that_waits_on_a_full_disk_is_read_from_its_journal(
    created, layout, files, clock
):
    vault = _vault(layout, clock, files)
    vault.unlock(PASSPHRASE)
    before = _keys(vault)
    for step in range(1, 12):
        with stepping(step, full_disk), suppress(OSError):
            vault.rotate_root()
        if layout.rotation_file.exists():
            break
    assert layout.rotation_file.exists()
    # The first step opens a directory, for which no disk is too full.
    with stepping(2, full_disk):
        assert read_sealed_root(layout).root_id == vault.opened.root_id
    vault.opened.key("something-new")
    vault.close()
    vault.unlock(created.recovery_key)
    assert _keys(vault) == before
    assert not layout.rotation_file.exists()


def test_two_rotations_at_once(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    before, made = _keys(vault), []
    threads = [threading.Thread(target=lambda: made.append(vault.rotate_root())) for _ in range(4)]
    readers = [threading.Thread(target=lambda: opened.key("made-meanwhile")) for _ in range(4)]
    for thread in (*threads, *readers):
        thread.start()
    for thread in (*threads, *readers):
        thread.join()
    assert len(set(made)) == 4
    assert _keys(vault) == before
    key = opened.key("made-meanwhile")
    vault.lock()
    assert vault.unlock(PASSPHRASE).key("made-meanwhile") == key


def test_those_who_only_look_do_not_disturb_a_rotation(vault, created, layout):
    vault.unlock(PASSPHRASE)
    before, stop, faults = _keys(vault), threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                vault.status()
                read_keyring(layout)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test tells it
                faults.append(error)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for thread in lookers:
        thread.start()
    for _ in range(8):
        vault.rotate_root()
    stop.set()
    for thread in lookers:
        thread.join()
    assert faults == []
    vault.close()
    vault.unlock(PASSPHRASE)
    assert _keys(vault) == before


@pytest.mark.parametrize("name", ["keyring_file", "rotation_file"])
def test_every_flipped_byte_is_told(vault, created, layout, name, monkeypatch):
    vault.unlock(PASSPHRASE)
    if name == "rotation_file":
        with monkeypatch.context() as stopped:
            stopped.setattr("appliance.vault.keyfile._finish", _no_room)
            vault.rotate_root()
    before = _keys(vault)
    vault.close()
    path = getattr(layout, name)
    good = path.read_bytes()
    layout.keyring_copy.unlink()
    saved = {item: item.read_bytes() for item in (layout.sealed_root, layout.keyring_file)}
    told, stride = 0, len(good) // 100
    for at in range(0, len(good), stride):
        for item, content in saved.items():
            item.write_bytes(content)
        bad = bytearray(good)
        bad[at] ^= 1
        path.write_bytes(bad)
        layout.keyring_copy.unlink(missing_ok=True)
        try:
            vault.unlock(PASSPHRASE)
        except (VaultDamaged, WrongSecret):
            told += 1
        else:
            # Only what nobody relies on may differ: when a key was made.
            assert _keys(vault) == before
        vault.close()
        vault._slots._backoff.succeed()
    assert told > 90


def test_versions_of_one_use(vault, created, layout, clock):
    opened = vault.unlock(PASSPHRASE)
    first = opened.key("datasets")
    assert opened.renew("datasets") == 2
    assert opened.secret("datasets").reveal() == opened.key("datasets")
    assert opened.key("datasets") != first
    assert opened.secret("datasets", 1).reveal() == first
    with pytest.raises(KeyUnknown):
        opened.retire("datasets", 2)
    opened.retire("datasets", 1)
    with pytest.raises(KeyUnknown):
        opened.secret("datasets", 1)
    made = [key.made for key in read_keyring(layout).keys]
    assert set(made) == {int(clock.now.timestamp())}


def test_a_book_of_the_first_format_is_read(vault, created, layout):
    value = parse_canonical(layout.keyring_file.read_bytes())
    keys = [{name: key[name] for name in ("use", "version", "sealed")} for key in value["keys"]]
    write_private(
        layout.keyring_file, canonical_bytes({"format": "wardbox-keyring/1", "keys": keys})
    )
    vault.unlock(PASSPHRASE)
    vault.rotate_root()
    assert parse_canonical(layout.keyring_file.read_bytes())["format"] == "wardbox-keyring/2"
    book = read_keyring(layout)
    assert KeyBook.parse(book.to_json()) == book
    assert SealedRoot.parse(layout.sealed_root.read_bytes()).root_id == vault.opened.root_id


def _no_room(*_: object) -> None:
    full_disk()
