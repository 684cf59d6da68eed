"""Files of an older release, which lay plain: sealed and overwritten, or left readable."""

import errno
import os

from appliance.vault.subjects import DATASET
from tests.appliance.batches.steered import OWNER
from tests.appliance.batches.test_sealed_files import ROWS, on_disk, read, subjects_of


def plain(room, content, name="file-" + "0" * 24):
    """A file as the release before this one kept it."""
    folder = room.folder / "callers"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    with room.db.write() as tx:
        tx.execute(
            "INSERT INTO files (id, owner, name, purpose, bytes, digest, created, expires)"
            " VALUES (?, ?, 'a', 'user_data', ?, ?, 5.0, NULL)",
            [name, OWNER.actor, len(content), "0" * 64],
        )
    return room.files.get(OWNER.actor, name)


async def test_what_lay_plain_is_sealed_and_overwritten(room):
    file = plain(room, ROWS)
    assert not file.sealed
    assert read(room, file) == ROWS
    assert room.files.standing(file).state == "plain"
    handle = os.open(room.files.path(file), os.O_RDONLY)
    assert room.files.seal_lying() == 0
    # The bytes that lay there are gone from where they lay.
    assert os.pread(handle, len(ROWS), 0) == bytes(len(ROWS))
    os.close(handle)
    sealed = room.files.get(OWNER.actor, file.id)
    assert sealed.sealed
    assert read(room, sealed) == ROWS
    assert b"planted" not in on_disk(room.folder)
    assert [path.name for path in (room.folder / "callers").iterdir()] == [file.id]
    told = [event.details for event in room.log.events if event.tag == "file:store:seal"]
    assert told == [{"files": 1, "left": 0}]
    assert room.files.seal_lying() == 0
    assert len([event for event in room.log.events if event.tag == "file:store:seal"]) == 1


async def test_a_plain_file_that_looks_sealed_is_sealed_too(room):
    disguise = room.send(ROWS, "user_data")
    content = room.files.path(disguise).read_bytes()
    file = plain(room, content)
    room.files.seal_lying()
    assert read(room, room.files.get(OWNER.actor, file.id)) == content


async def test_rows_without_content_and_erased_ones_go(room):
    missing, erased = plain(room, ROWS), plain(room, ROWS, "file-" + "1" * 24)
    room.files.path(missing).unlink()
    room.seals.sealing(erased.id).key.wipe()
    subjects_of(room).erase(DATASET, erased.id)
    assert room.files.seal_lying() == 0
    assert room.files.listed(OWNER.actor) == []


async def test_a_full_disk_leaves_files_plain_and_readable(room, monkeypatch):
    first, second = plain(room, ROWS), plain(room, ROWS, "file-" + "1" * 24)
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert room.files.seal_lying() == 2
    assert read(room, first) == read(room, second) == ROWS
    assert room.files.seal_lying() == 0
    assert read(room, room.files.get(OWNER.actor, first.id)) == ROWS


async def test_sealed_copies_are_made_of_what_could_not_be_sealed(room):
    file = plain(room, ROWS)
    place = room.folder / "chats.sealed"
    room.files.lend(file, place)
    assert b"planted" not in place.read_bytes()
    room.files.take_back(file.id, place)
    # The key stays for the day on which the file itself is sealed.
    assert room.files.seal_lying() == 0
    assert read(room, room.files.get(OWNER.actor, file.id)) == ROWS
