"""Damage is found and named: flipped bits anywhere, missing objects, foreign and older backups."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from appliance.backup.account import memory_of
from appliance.backup.creating import Creation
from appliance.backup.errors import (
    BackupDamaged,
    BackupRolledBack,
    KeysRefused,
    RestoreFull,
    TargetFull,
    TargetGone,
    WrongDisk,
)
from appliance.backup.repository import Repository
from appliance.backup.target import DirectoryTarget
from appliance.backup.verifying import Verification
from appliance.backup.writing import FileWriter, Wish
from appliance.errors import ApplianceError
from secure_compute.secret import Secret
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold


def objects(target: DirectoryTarget) -> list[Path]:
    return sorted(path for path in Path(target.place).rglob("*") if path.is_file())


def judged(box: SmallBox, target: DirectoryTarget):
    """What a check says: a refusal's name, or the verdict."""
    try:
        unlock = box.unlock_file()
        return Verification(box.repository_as_is(target), untold, unlock=unlock).run()
    except ApplianceError as error:
        return error


@pytest.fixture
def two(box: SmallBox, target: DirectoryTarget, now: list[float]) -> SmallBox:
    """A box with two snapshots; the second has a file of its own."""
    now[0] += 60
    box.back_up(target)
    (box.layout.caller_files / "second.bin").write_bytes(bytes(range(256)) * 1000)
    now[0] += 60
    box.back_up(target)
    return box


def test_any_flipped_bit_is_found(two: SmallBox, target: DirectoryTarget) -> None:
    """Every object, at its beginning, in its middle and at its end."""
    tried = 0
    for path in objects(target):
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            found = judged(two, target)
            if path.name == "wardbox-backup.json" or path.parent.name == "lists":
                # Only the newest list counts, and nothing is believed for the public head's sake.
                assert isinstance(found, BackupDamaged | KeysRefused) or found.ok, path
            elif isinstance(found, ApplianceError):
                assert isinstance(found, BackupDamaged | KeysRefused), (path, found)
            else:
                assert not found.ok, path
                assert any(path.name in hurt.name for hurt in found.hurts)
            path.write_bytes(whole)
            tried += 1
    assert tried > 15
    assert judged(two, target).ok


def test_the_verdict_names_the_object_and_the_snapshots_it_hurts(
    two: SmallBox, target: DirectoryTarget
) -> None:
    repository = two.repository_as_is(target)
    index = repository.index()
    only = {entry.path: entry for entry in repository.manifest(repository.snapshot(2), index)}[
        "vault/files/callers/second.bin"
    ]
    pack = index.find(next(only.ids())).pack
    path = next(Path(target.place).rglob(pack))
    path.unlink()
    verdict = judged(two, target)
    assert [(hurt.name.endswith(pack), hurt.why) for hurt in verdict.hurts] == [(True, "missing")]
    assert verdict.hurts[0].snapshots == (2,)
    assert verdict.whole == (1,)


def test_a_lost_index_is_made_again_from_the_packs(two: SmallBox, target: DirectoryTarget) -> None:
    for path in (Path(target.place) / "index").iterdir():
        path.write_bytes(b"rubbish")
    verdict = judged(two, target)
    assert {hurt.name.partition("/")[0] for hurt in verdict.hurts} == {"index"}
    assert verdict.whole == (1, 2)


def test_an_older_copy_of_a_backup_is_noticed(
    two: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    older = tmp_path / "older"
    shutil.copytree(target.place, older)
    now[0] += 60
    two.back_up(target)
    memory = memory_of(two.repository_as_is(target))
    with pytest.raises(BackupRolledBack):
        two.repository(DirectoryTarget(older), memory)
    for path in (Path(target.place) / "lists").iterdir():
        path.unlink()
    with pytest.raises(BackupRolledBack):
        two.repository(target, memory)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BackupRolledBack):
        two.repository(DirectoryTarget(empty), memory)


def test_another_list_of_the_same_age_is_noticed(
    two: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    other = DirectoryTarget(Path(shutil.copytree(target.place, tmp_path / "other")))
    now[0] += 60
    two.back_up(target)
    now[0] += 1
    two.back_up(other)
    memory = memory_of(two.repository_as_is(target))
    with pytest.raises(BackupRolledBack):
        two.repository(other, memory)
    now[0] += 60
    two.back_up(other)
    with pytest.raises(BackupRolledBack):
        two.repository(other, memory)


def test_a_foreign_backup_does_not_open(two: SmallBox, target: DirectoryTarget) -> None:
    with pytest.raises(KeysRefused):
        Repository.open(target, Secret.random())


def test_keys_that_somebody_else_encrypted_to_the_box_are_refused(
    two: SmallBox, target: DirectoryTarget
) -> None:
    """Anybody can encrypt to a public key: the box's own proof is what counts."""
    from appliance.backup.keyfile import Holder, write_keys
    from appliance.backup.recipients import recipient_of
    from appliance.backup.sealing import RepositoryKeys

    forger = Holder(Secret.random(), (recipient_of(two.identity),), two.signer.verify_key, "forged")
    write_keys(target, RepositoryKeys.fresh(), forger)
    with pytest.raises(KeysRefused):
        two.repository_as_is(target)


class FullTarget(DirectoryTarget):
    """A disk that takes a number of objects and no more."""

    room = 0

    def write(self, name: str, content: bytes | bytearray) -> None:
        if self.room == 0:
            raise TargetFull(place=self.place)
        self.room -= 1
        super().write(name, content)


def test_a_full_target_loses_nothing_and_goes_on(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    full = FullTarget(Path(target.place))
    refused = 0
    for room in range(1, 40):
        full.room = room
        try:
            box.back_up(full)
            break
        except TargetFull:
            refused += 1
            present = Path(target.place) / "keys.age"
            if present.exists() and (Path(target.place) / "wardbox-backup.json").exists():
                assert {one.name for one in judged(box, target).hurts} <= {
                    "open-backup.py",
                    "open-database.py",
                    "unlock.json",
                }
    assert refused >= 3
    assert judged(box, target).whole == (1,)


def test_a_target_that_goes_away_is_told(box: SmallBox, target: DirectoryTarget) -> None:
    box.back_up(target)
    repository = box.repository(target)
    shutil.rmtree(target.place)
    with pytest.raises((TargetGone, BackupDamaged)):
        Creation(repository, box.ours(), untold).run()
    assert not Path(target.place).exists()


def test_a_disk_that_is_pulled_out_midway_leaves_the_mount_point_empty(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    """The directory below the mount point comes to light: nothing is written to the wrong disk."""
    root, away = Path(target.place), Path(target.place).with_name("in somebody's pocket")
    box.back_up(target)
    (box.layout.caller_files / "new.bin").write_bytes(os.urandom(40_000_000))
    box.age()
    now[0] += 60
    steps: list[tuple[int, int]] = []

    def pulled(phase: str, done: int, total: int) -> None:
        del phase
        steps.append((done, total))
        if len(steps) == 30:
            root.rename(away)
            root.mkdir()

    repository = box.repository(target)
    # Another thread may look between the two steps of pulling it out, and then finds nothing there.
    with pytest.raises(TargetGone, match=r"another directory|No such file"):
        Creation(repository, box.ours(), pulled).run()
    # Pulled at the thirtieth step, and noticed long before the end, however many are told in between.
    assert away.is_dir()
    assert len(steps) >= 30
    assert all(done < total for done, total in steps[29:])
    assert list(root.iterdir()) == []
    with pytest.raises(TargetGone):
        repository.target.list("packs")
    # The disk is brought back: earlier snapshots are whole, and the next run goes on.
    root.rmdir()
    away.rename(root)
    assert judged(box, target).whole == (1,)
    now[0] += 60
    box.back_up(target)
    assert judged(box, target).whole == (1, 2)


def test_a_full_disk_stops_a_restore_with_the_size_that_is_needed(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = box.back_up(target)
    (tmp_path / "out").mkdir()
    repository = box.repository_as_is(target)
    index = repository.index()
    entries = list(repository.manifest(repository.snapshot(None), index))
    open_files = len(list(Path("/proc/self/fd").iterdir()))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    writer = FileWriter(repository, index, tmp_path / "out", 2, untold)
    with pytest.raises(RestoreFull, match=str(snapshot.size)):
        writer.write(map(Wish, entries), snapshot.size)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files


def test_a_disk_must_be_the_one_that_was_meant(tmp_path: Path) -> None:
    from appliance.backup.disk import open_disk

    with pytest.raises(WrongDisk):
        open_disk(tmp_path / "absent", "ab" * 16)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second file system")
def test_a_marked_disk_is_known_again(request: pytest.FixtureRequest) -> None:
    import secrets

    from appliance.backup.disk import is_mounted_at, mark_disk, open_disk

    root = Path("/dev/shm") / f"wardbox-test-{secrets.token_hex(6)}"
    root.mkdir()
    request.addfinalizer(lambda: shutil.rmtree(root))
    assert is_mounted_at(root)
    pin = mark_disk(root, "usb")
    assert mark_disk(root, "usb") == pin
    assert open_disk(root, pin).place == str(root)
    with pytest.raises(WrongDisk):
        open_disk(root, "ab" * 16)
