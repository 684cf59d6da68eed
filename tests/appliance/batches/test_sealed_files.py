"""Files lie sealed one by one: by either suite, across rotations, until their key is destroyed."""

import pytest

from appliance.batches.errors import FileDamaged, FileInUse, FileUnknown
from appliance.batches.locker import Locker
from appliance.batches.migrations import MIGRATIONS
from appliance.db.database import Db
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import DATASET, SubjectKeys
from secure_compute.envelope import Sealed
from secure_compute.stream import CHUNK
from secure_compute.suites import CHINESE, INTERNATIONAL
from tests.appliance.batches.steered import OWNER, line, made
from tests.appliance.vault.paper_vault import VAULT, opened_in, seals_of

ROWS = b'{"patient": "planted-row-0042"}\n' * 500


def read(room, file):
    return b"".join(room.files.content(OWNER.actor, file.id))


def subjects_of(room):
    return room.seals._subjects


def on_disk(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_nothing_of_a_file_was_ever_plain_on_the_disk(room):
    incoming = room.files.begin(OWNER.actor)
    for _ in range(10):
        incoming.write(ROWS[:1600])
    incoming._stream.flush()
    assert b"planted" not in on_disk(room.folder)
    file = room.files.admit(incoming, OWNER.actor, "a", "user_data")
    incoming.discard()
    assert b"planted" not in on_disk(room.folder)
    assert read(room, file) == ROWS[:1600] * 10
    assert (file.bytes, file.sealed) == (16_000, True)
    standing = room.files.standing(file)
    assert (standing.state, standing.algorithm) == ("sealed", "aes-256-gcm")
    assert standing.key.startswith("dataset:")


async def test_two_files_of_one_content_have_nothing_in_common(room):
    one, two = (room.send(ROWS, "user_data") for _ in range(2))
    first, second = (room.files.path(file).read_bytes() for file in (one, two))
    assert first[40:] != second[40:]
    room.files.path(one).write_bytes(second)
    with pytest.raises(FileDamaged):
        read(room, one)


async def test_a_refused_file_leaves_no_key(room):
    with pytest.raises(Exception, match="JSON Lines"):
        room.send(b"no lines", "batch")
    assert subjects_of(room).count(DATASET) == 0


async def test_lines_and_ranges_are_read(room):
    file = room.send(ROWS, "user_data")
    with room.files.open(file) as stream:
        assert list(stream) == ROWS.splitlines(keepends=True)
        stream.seek(32 * 7)
        assert stream.readline() == ROWS[:32]


async def test_a_box_of_the_other_suite_reads_what_was_sealed_before(room):
    old = room.send(ROWS, "user_data")
    subjects = SubjectKeys(room.db, opened_in(room.folder, CHINESE))
    room.files._locker = Locker(room.folder / "callers", DatasetKeys(subjects))
    new = room.send(ROWS[::-1], "user_data")
    assert room.files.standing(old).algorithm == "aes-256-gcm"
    assert room.files.standing(new).algorithm == "sm4-gcm"
    # The keys of both are wrapped anew by the suite that the box has now.
    assert subjects.renew(DATASET) == 2
    for file in (old, new):
        row = subjects._store.get(DATASET, subjects._tag(DATASET, file.id))
        assert Sealed.parse(row.sealed).algorithm == "sm4-gcm"
    assert read(room, old) == ROWS
    room.files._locker = Locker(
        room.folder / "callers", seals_of(room.folder, room.db, INTERNATIONAL)
    )
    assert (read(room, old), read(room, new)) == (ROWS, ROWS[::-1])


async def test_a_rotation_leaves_the_sealed_bytes_as_they_are(room):
    # So that backups find them again, and a rotation costs the same for any amount of content.
    file = room.send(ROWS, "user_data")
    before = room.files.path(file).read_bytes()
    assert subjects_of(room).renew(DATASET) == 1
    assert room.files.path(file).read_bytes() == before
    assert read(room, file) == ROWS


async def test_a_deleted_file_takes_its_key_along(room):
    file = room.send(ROWS, "user_data")
    assert subjects_of(room).count(DATASET) == 1
    room.files.delete(OWNER.actor, file.id)
    assert subjects_of(room).count(DATASET) == 0
    with pytest.raises(SubjectUnknown):
        room.seals.opening(file.id)


async def test_who_reads_a_file_reads_on_when_it_is_deleted(room):
    file = room.send(ROWS, "user_data")
    pieces = room.files.content(OWNER.actor, file.id)
    room.files.delete(OWNER.actor, file.id)
    assert b"".join(pieces) == ROWS


async def test_what_a_job_holds_outlives_the_file(room):
    file = room.send(ROWS, "user_data")
    place = room.folder / "jobs" / "chats.sealed"
    place.parent.mkdir(exist_ok=True)
    room.files.lend(file, place)
    room.files.delete(OWNER.actor, file.id)
    assert subjects_of(room).count(DATASET) == 1
    room.files.key(file.id).key.wipe()
    room.files.take_back(file.id, place)
    room.files.take_back(file.id, place)
    assert not place.exists()
    assert subjects_of(room).count(DATASET) == 0


async def test_what_a_job_gives_back_stays_the_callers(room):
    file = room.send(ROWS, "user_data")
    place = room.folder / "chats.sealed"
    room.files.lend(file, place)
    room.files.take_back(file.id, place)
    assert read(room, file) == ROWS


@pytest.mark.parametrize(
    "harm", [lambda b: b[:-1], lambda b: b[:10], lambda b: b"", lambda b: ROWS, lambda b: b + b"x"]
)
async def test_a_damaged_file_is_told_and_never_half_given(room, harm):
    file = room.send(ROWS, "user_data")
    path = room.files.path(file)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(FileDamaged):
        read(room, file)


async def test_damage_in_the_middle_ends_the_answer(room):
    room.files._limits = type(room.files._limits)(4 * CHUNK, 16 * CHUNK)
    file = room.send(b"r" * (2 * CHUNK + 5), "user_data")
    path = room.files.path(file)
    content = bytearray(path.read_bytes())
    content[CHUNK + 2000] ^= 1
    path.write_bytes(content)
    pieces = room.files.content(OWNER.actor, file.id)
    with pytest.raises(FileDamaged):
        b"".join(pieces)


async def test_an_erased_file_opens_for_nobody_whatever_comes_back(room):
    file, other = room.send(ROWS, "user_data"), room.send(ROWS, "user_data")
    room.db._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = (room.folder / "box.db").read_bytes()
    gone = subjects_of(room).erase(DATASET, file.id)
    assert gone[0] == room.seals.name(file.id)
    assert room.files.standing(file).state == "erased"
    with pytest.raises(SubjectErased):
        read(room, file)
    room.files.erased(file.id)
    with pytest.raises(FileUnknown):
        read(room, file)
    assert not room.files.path(file).exists()
    assert read(room, other) == ROWS
    # A database and files of before come back: the old wrapped key is under a key that is no more.
    room.db.close()
    (room.folder / "box.db").write_bytes(older)
    for beside in ("box.db-wal", "box.db-shm"):
        (room.folder / beside).unlink(missing_ok=True)
    with Db(room.folder / "box.db", b"k" * 32, [*JOBS, *VAULT, *MIGRATIONS]) as db:
        subjects = SubjectKeys(db, opened_in(room.folder))
        with pytest.raises(Exception, match=r"family\.dataset/1"):
            subjects.key(DATASET, file.id)


async def test_rows_of_erased_files_that_a_backup_brought_back_are_swept(room):
    file = room.send(ROWS, "user_data")
    subjects_of(room).erase(DATASET, file.id)
    room.files.sweep()
    assert room.files.listed(OWNER.actor) == []
    assert not room.files.path(file).exists()


async def test_what_is_being_read_is_not_erased(room):
    room.gateway.hold.clear()
    batch = await made(room, line(1))
    with pytest.raises(FileInUse, match=batch.id):
        room.files.judge_erasing(batch.input_file)
    room.gateway.hold.set()
    await room.rest(batch.id)
    room.files.judge_erasing(batch.input_file)
    room.files.ask_who_learns(lambda file_id: "job_1" if file_id == batch.input_file else None)
    with pytest.raises(FileInUse, match="job_1"):
        room.files.judge_erasing(batch.input_file)


async def test_results_are_sealed_while_they_grow_and_after(room):
    room.gateway.told["n3"] = 400
    batch = await made(room, b"".join(map(line, range(5))))
    done = await room.rest(batch.id)
    assert set(room.lines(done.output_file)) == {"c0", "c1", "c2", "c4"}
    assert set(room.lines(done.error_file)) == {"c3"}
    assert b"custom_id" not in on_disk(room.folder)
    assert [path.name for path in (room.folder / "jobs").rglob("*.sealed")] == []
