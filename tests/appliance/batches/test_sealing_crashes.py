"""Killed at any step of taking in, sealing or erasing a file: it is as before or as after, never half."""

import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appliance.batches.errors import FileUnknown
from appliance.batches.files import FileLimits, FileService
from appliance.batches.locker import Locker
from appliance.batches.migrations import MIGRATIONS
from appliance.db.database import Db
from appliance.vault.errors import SubjectErased
from appliance.vault.subjects import DATASET
from tests.appliance.batches.steered import Log
from tests.appliance.vault.crashing import killed_at
from tests.appliance.vault.paper_vault import VAULT, seals_of

OWNER = "key:a"
ROWS = b'{"patient": "planted-row"}\n' * 200
OLD = "file-" + "0" * 24


class SteppedDb(Db):
    """A transaction is a step too, before it begins and before it is committed."""

    @contextmanager
    def write(self):
        step()
        with super().write() as tx:
            yield tx
            step()


def step():
    with suppress(FileNotFoundError):
        Path("/nowhere/at-all").unlink()


class Files:
    """The files of a state directory, as one process has them open."""

    def __init__(self, folder, db=Db):
        self.folder = folder
        self.db = db(folder / "box.db", b"k" * 32, [*VAULT, *MIGRATIONS])
        self.seals = seals_of(folder, self.db)
        locker = Locker(folder / "callers", self.seals)
        limits = FileLimits(1 << 20, 1 << 22)
        self.service = FileService(self.db, Log(), locker, limits, time.time)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()

    def take(self, content=ROWS):
        incoming = self.service.begin(OWNER)
        try:
            incoming.write(content)
            return self.service.admit(incoming, OWNER, "a", "user_data")
        finally:
            incoming.discard()

    def begin_again(self):
        """What a box does when it starts, and an hour later."""
        self.service.clear_incoming()
        self.seals._subjects.finish()
        self.service.seal_lying()
        self.service._clock = lambda: time.time() + 4000
        self.service.sweep()

    def read(self, file_id):
        return b"".join(self.service.content(OWNER, file_id))

    def plain(self, content=ROWS):
        folder = self.folder / "callers"
        folder.mkdir(exist_ok=True)
        (folder / OLD).write_bytes(content)
        with self.db.write() as tx:
            tx.execute(
                "INSERT INTO files (id, owner, name, purpose, bytes, digest, created, expires)"
                " VALUES (?, ?, 'a', 'user_data', ?, ?, 5.0, NULL)",
                [OLD, OWNER, len(content), "0" * 64],
            )

    def erase(self, file_id):
        self.seals._subjects.erase(DATASET, file_id)
        self.service.erased(file_id)


def states(tmp_path, prepare, work):
    """Each state that a kill before one of the steps of `work` leaves, opened and begun again."""
    start = tmp_path / "start"
    start.mkdir()
    with Files(start) as files:
        prepare(files)
    points = 0
    while True:
        folder = tmp_path / f"copy{points}"
        shutil.copytree(start, folder)
        if not killed_at(points + 1, lambda folder=folder: Files(folder, SteppedDb), work):
            break
        points += 1
        with Files(folder) as files:
            files.begin_again()
            yield points, files
        shutil.rmtree(folder)


def stray(files, *known):
    """What lies among the files that none of them is."""
    found = {path.name for path in (files.folder / "callers").glob("*")}
    return found - set(known)


@pytest.mark.slow
def test_killed_at_every_step_of_taking_in(tmp_path):
    kept = []

    def prepare(files):
        kept.append(files.take(b"other").id)

    points = there = 0
    for points, files in states(tmp_path, prepare, lambda files: files.take()):  # noqa: B007
        assert files.read(kept[0]) == b"other"
        rows = [one.id for one in files.service.listed(OWNER) if one.id != kept[0]]
        assert [files.read(one) for one in rows] in ([], [ROWS])
        there += len(rows)
        # No content without a row and no key without content, whenever it happened.
        assert stray(files, kept[0], *rows) == set()
        assert files.seals._subjects.count(DATASET) == 1 + len(rows)
    print(f"crash points of taking in: {points} ({there} there)")
    assert points >= 7
    assert there >= 1


@pytest.mark.slow
def test_killed_at_every_step_of_sealing_what_lay_plain(tmp_path):
    points = 0
    work = lambda files: files.service.seal_lying()  # noqa: E731
    for points, files in states(tmp_path, lambda files: files.plain(), work):  # noqa: B007
        (file,) = files.service.listed(OWNER)
        assert file.sealed
        assert files.read(OLD) == ROWS
        assert b"planted" not in files.service.path(file).read_bytes()
        assert stray(files, OLD) == set()
    print(f"crash points of sealing: {points}")
    assert points >= 10


@pytest.mark.slow
def test_killed_at_every_step_of_erasing(tmp_path):
    kept = []

    def prepare(files):
        kept.extend((files.take().id, files.take(b"other").id))

    points = whole = gone = 0
    for points, files in states(tmp_path, prepare, lambda files: files.erase(kept[0])):  # noqa: B007
        assert files.read(kept[1]) == b"other"
        try:
            assert files.read(kept[0]) == ROWS
            whole += 1
        except (FileUnknown, SubjectErased):
            gone += 1
            with pytest.raises(SubjectErased):
                files.seals.opening(kept[0])
            assert stray(files, kept[1]) == set()
    print(f"crash points of erasing: {points} ({whole} whole, {gone} gone)")
    assert whole >= 1
    assert gone >= 6
