"""What else may lie on a target: other people's files, pipes, links, giants, and what came back."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.backup.errors import BackupAbsent, BackupDamaged, SnapshotUnknown
from appliance.backup.index import Directory
from appliance.backup.mending import mended_index
from appliance.backup.pruning import Pruning
from appliance.backup.repository import Repository
from appliance.backup.target import DirectoryTarget
from appliance.backup.verifying import Verification
from appliance.backup.writing import FileWriter, Wish
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold

STRAYS = ("Thumbs.db", ".DS_Store", "@eaDir", ".nfs0000123", "a" * 64, "名字", "0000000009.part")


def check(box: SmallBox, target: DirectoryTarget):
    return Verification(box.repository_as_is(target), untold, unlock=box.unlock_file()).run()


def restored(repository: Repository, out: Path, number: int) -> Path:
    out.mkdir()
    index = mended_index(repository).index
    snapshot = repository.snapshot(number)
    wishes = map(Wish, repository.manifest(snapshot, index))
    FileWriter(repository, index, out, 1, untold).write(wishes, snapshot.size)
    return out


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def giant(path: Path) -> None:
    os.truncate(path, 1 << 42)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("where", ["lists", "index", "packs", "packs/ab"])
def test_files_of_other_people_are_nobodys_objects(
    box: SmallBox, target: DirectoryTarget, now: list[float], where: str
) -> None:
    box.back_up(target)
    place = Path(target.place) / where
    place.mkdir(exist_ok=True)
    for name in STRAYS:
        (place / name).write_bytes(b"x")
    (place / "dangling").symlink_to("/nowhere/at/all")
    os.mkfifo(place / ("0000000008" if where == "lists" else "c" * 64))
    (place / Path(*["deep"] * 600)).mkdir(parents=True)
    now[0] += 60
    box.back_up(target)
    assert check(box, target).whole == (1, 2)
    Pruning(box.repository_as_is(target), box.signer, untold).run([2])
    assert check(box, target).whole == (2,)
    gone = {*STRAYS, "dangling"} - {path.name for path in place.iterdir()}
    # What has the name of an object is one that an interrupted backup left.
    assert gone <= ({"0000000009.part"} if where == "lists" else {"a" * 64})


def test_unfinished_files_of_other_people_stay(box: SmallBox, target: DirectoryTarget) -> None:
    box.back_up(target)
    root = Path(target.place)
    (root / "films").mkdir()
    for theirs in ("ct-viewer.iso.part", "films/theatre.mkv.part", "packs/theirs.part"):
        (root / theirs).write_bytes(b"theirs")
    for ours in ("keys.age.part", "lists/0000000005.part", f"packs/ab/ab{'0' * 62}.part"):
        (root / ours).parent.mkdir(exist_ok=True)
        (root / ours).write_bytes(b"half")
    assert target.sweep() == 3
    assert sorted(path.name for path in root.rglob("*.part")) == [
        "ct-viewer.iso.part",
        "theatre.mkv.part",
        "theirs.part",
    ]


@pytest.mark.parametrize("become", [pipe, endless, giant, folder])
@pytest.mark.parametrize("what", ["wardbox-backup.json", "keys.age", "index", "packs"])
def test_what_is_no_object_is_refused_at_once(
    box: SmallBox, target: DirectoryTarget, become: Callable[[Path], None], what: str
) -> None:
    box.back_up(target)
    place = Path(target.place) / what
    become(place if place.is_file() else next(p for p in place.rglob("*") if p.is_file()))
    if what in {"index", "packs"}:
        assert not check(box, target).ok
    else:
        with pytest.raises(BackupDamaged):
            check(box, target)


@pytest.mark.parametrize("become", [pipe, endless, giant])
@pytest.mark.parametrize("what", ["unlock.json", "open-backup.py"])
def test_what_can_be_written_again_is(
    box: SmallBox, target: DirectoryTarget, become: Callable[[Path], None], what: str
) -> None:
    box.back_up(target)
    become(Path(target.place) / what)
    assert [hurt.name for hurt in check(box, target).hurts] == [what]
    box.back_up(target)
    assert check(box, target).ok


@pytest.mark.parametrize("name", ["keys.age", "wardbox-backup.json"])
def test_a_lost_head_or_key_file_is_damage_where_there_is_data(
    box: SmallBox, target: DirectoryTarget, name: str
) -> None:
    box.back_up(target)
    (Path(target.place) / name).unlink()
    with pytest.raises(BackupDamaged, match="missing"):
        box.back_up(target)


def test_a_lost_index_hurts_no_restore_and_the_next_backup_writes_it_again(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    box.back_up(target)
    (box.layout.caller_files / "second").write_bytes(os.urandom(2000))
    now[0] += 60
    box.back_up(target)
    first, second = sorted((Path(target.place) / "index").iterdir())
    first.unlink()
    second.write_bytes(b"rubbish")
    assert check(box, target).whole == (1, 2)
    out = restored(box.repository_as_is(target), tmp_path / "out", 2)
    name = "vault/files/callers/second"
    assert (out / name).read_bytes() == (box.layout.root / name).read_bytes()
    now[0] += 60
    assert box.back_up(target).added < 1 << 17
    assert check(box, target).ok
    Pruning(box.repository_as_is(target), box.signer, untold).run([3])
    assert check(box, target).whole == (3,)


def test_an_index_that_outlived_its_packs_is_not_believed(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    """A power cut may bring back a deleted name and not what stood beside it."""
    large = box.layout.caller_files / "large"
    content = os.urandom(1 << 20)
    large.write_bytes(content)
    box.back_up(target)
    old = shutil.copytree(Path(target.place) / "index", tmp_path / "old")
    large.unlink()
    now[0] += 60
    box.back_up(target)
    Pruning(box.repository_as_is(target), box.signer, untold).run([2])
    shutil.copytree(old, Path(target.place) / "index", dirs_exist_ok=True)
    large.write_bytes(content)
    now[0] += 60
    box.back_up(target)
    assert check(box, target).whole == (2, 3)
    out = restored(box.repository_as_is(target), tmp_path / "out", 3)
    assert (out / "vault/files/callers/large").read_bytes() == content


def test_an_index_of_an_interrupted_backup_that_cannot_be_read_stops_nothing(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    repository = box.repository(target)
    name = repository.write_index([Directory("0" * 64, 100, ())])
    (Path(target.place) / "index" / name).write_bytes(b"half")
    now[0] += 60
    box.back_up(target)
    assert check(box, target).ok


def test_a_backup_without_any_snapshot_is_none_yet(box: SmallBox, target: DirectoryTarget) -> None:
    repository = box.repository(target)
    with pytest.raises(BackupAbsent):
        repository.snapshot(None)
    for number in (0, 7):
        with pytest.raises(SnapshotUnknown, match=str(number)):
            repository.snapshot(number)


def test_a_backup_that_lost_its_packs_makes_no_snapshot_on_top(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    box.back_up(target)
    for path in (Path(target.place) / "packs").rglob("*"):
        if path.is_file():
            path.unlink()
    now[0] += 60
    with pytest.raises(BackupDamaged, match="missing"):
        box.back_up(target)
    assert [one.number for one in box.repository_as_is(target).list.snapshots] == [1]
