"""What a training holds of a caller's file: sealed on the disk, open to its worker alone."""

import errno
import json
from types import SimpleNamespace

import pytest

from appliance.batches.files import FileLimits, FileService
from appliance.batches.locker import Locker
from appliance.batches.migrations import MIGRATIONS
from appliance.jobs.errors import JobUnknown
from appliance.jobs.job import JobState
from appliance.tuning.sealed_chats import CHATS, learner, lines_of, seal_copies, told_to_worker
from appliance.vault.subjects import DATASET
from models.training.errors import CorpusMalformed
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.tuning.test_chats import GOOD, line
from tests.appliance.vault.paper_vault import VAULT, seals_of

CONTENT = line(GOOD) * 20
FILE = "file-" + "0" * 24


class Box:
    def __init__(self, folder):
        self.folder = folder
        self.db = open_db(folder / "box.db", [*VAULT, *MIGRATIONS])
        self.seals = seals_of(folder, self.db)
        locker = Locker(folder / "callers", self.seals)
        limits = FileLimits(1 << 20, 1 << 22)
        self.files = FileService(self.db, RememberingAudit(), locker, limits, HandClock())
        self.jobs = {}

    def sent(self, content=CONTENT, owner="user:li"):
        incoming = self.files.begin(owner)
        incoming.write(content)
        file = self.files.admit(incoming, owner, "a", "fine-tune")
        incoming.discard()
        return file

    def old(self, job_id, state, dataset=FILE):
        """A training of the release before this one, with its plain copy and its tokens."""
        folder = self.folder / "jobs" / job_id
        (folder / "corpus").mkdir(parents=True)
        (folder / "chats.jsonl").write_bytes(CONTENT)
        (folder / "corpus" / "tokens.npy").write_bytes(CONTENT)
        self.jobs[job_id] = SimpleNamespace(id=job_id, spec={"dataset": dataset}, state=state)
        return folder

    def find(self, job_id):
        if job_id not in self.jobs:
            raise JobUnknown(job_id=job_id)
        return self.jobs[job_id]

    def seal(self):
        seal_copies(self.folder / "jobs", self.find, self.files)

    def plain_left(self):
        paths = (path for path in (self.folder / "jobs").rglob("*") if path.is_file())
        return [path for path in paths if b"assistant" in path.read_bytes()]


@pytest.fixture
def box(tmp_path):
    made = Box(tmp_path)
    yield made
    made.db.close()


def test_the_worker_reads_what_was_lent_and_nobody_else_does(box):
    file = box.sent()
    place = box.folder / CHATS
    box.files.lend(file, place)
    told = json.loads(json.dumps(told_to_worker(box.files, file.id)))
    assert list(lines_of(place, told)) == CONTENT.splitlines(keepends=True)
    assert b"assistant" not in place.read_bytes()
    for wrong in ({**told, "key": "00" * 32}, {**told, "file": FILE}):
        with pytest.raises(CorpusMalformed):
            list(lines_of(place, wrong))
    with pytest.raises(CorpusMalformed):
        list(lines_of(box.folder / "absent", told))


def test_the_job_that_reads_is_named():
    jobs = [
        SimpleNamespace(id="a", spec={"dataset": FILE}, state=JobState.DONE),
        SimpleNamespace(id="b", spec={"dataset": None}, state=JobState.RUNNING),
        SimpleNamespace(id="c", spec={"dataset": FILE}, state=JobState.QUEUED),
    ]
    assert learner(lambda: jobs, FILE) == "c"
    assert learner(lambda: jobs[:2], FILE) is None


def test_copies_of_an_older_release_are_sealed_or_gone(box):
    waits, failed = box.old("job_1", JobState.QUEUED), box.old("job_2", JobState.FAILED)
    done, lost = box.old("job_3", JobState.DONE), box.old("job_4", JobState.DONE)
    box.jobs.pop("job_4")
    box.seal()
    assert box.plain_left() == []
    told = told_to_worker(box.files, FILE)
    for folder in (waits, failed):
        assert b"".join(lines_of(folder / CHATS, told)) == CONTENT
    assert not any((folder / CHATS).exists() for folder in (done, lost))
    box.seal()
    # The last of them that ends takes the key along.
    box.files.take_back(FILE, waits / CHATS)
    assert box.seals._subjects.count(DATASET) == 1
    box.files.take_back(FILE, failed / CHATS)
    assert box.seals._subjects.count(DATASET) == 0


def test_a_copy_of_an_erased_file_is_destroyed(box):
    folder = box.old("job_1", JobState.QUEUED)
    box.seals.sealing(FILE).key.wipe()
    box.seals._subjects.erase(DATASET, FILE)
    box.seal()
    assert box.plain_left() == []
    assert not (folder / CHATS).exists()


def test_a_full_disk_loses_no_copy(box, monkeypatch):
    folder = box.old("job_1", JobState.QUEUED)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            box.seal()
    assert (folder / "chats.jsonl").read_bytes() == CONTENT
    box.seal()
    assert b"".join(lines_of(folder / CHATS, told_to_worker(box.files, FILE))) == CONTENT
