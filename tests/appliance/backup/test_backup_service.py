"""Backups of an open box: targets, real worker processes, results on record, times."""

import asyncio
import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from appliance.audit.reading import Query
from appliance.backup.errors import TargetExists, TargetRefused, TargetUnknown
from appliance.backup.kinds import BackupJobs
from appliance.backup.migrations import MIGRATIONS
from appliance.backup.retention import Retention
from appliance.backup.rules import BACKUP, BackupRules
from appliance.backup.service import BackupService
from appliance.backup.store import KnownTarget
from appliance.backup.work import Request, perform
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.schedule import Schedules
from appliance.jobs.service import JobService
from tests.appliance.backup.conftest import TABLES, SmallBox


class Room:
    """The backup room of a small box."""

    def __init__(self, box: SmallBox) -> None:
        self.box = box
        self.log = box.log()
        self.db = Db(box.layout.box_db, box.opened.key("box.db"), (*TABLES, *MIGRATIONS, *JOBS))
        rules = BackupRules("test", (), Retention(), 1, "0", "tiny", ())
        self.service = BackupService(self.db, self.log, box.opened, box.layout, rules, box.clock)

    def add(self, target) -> None:
        self.service.add(KnownTarget("usb", "directory", target.place, "", 0), "user:it")

    def tags(self) -> list[str]:
        found = self.log.reader.search(Query(tag="backup:*"))
        return [entry.event.tag for entry in reversed(found)]


@pytest.fixture
def room(box: SmallBox):
    made = Room(box)
    yield made
    made.db.close()
    made.log.close()


def test_targets(room: Room, target, tmp_path: Path) -> None:
    room.add(target)
    with pytest.raises(TargetExists):
        room.add(target)
    refused = [
        KnownTarget("a", "directory", str(tmp_path / "absent"), "", 0),
        KnownTarget("b", "directory", "relative", "", 0),
        KnownTarget("c", "directory", str(room.box.layout.root / "vault"), "", 0),
        KnownTarget("d", "disk", "/", "", 0),
        KnownTarget("e", "sftp", "nonsense", "", 0),
        KnownTarget("f", "sftp", "u@127.0.0.1:1/x", "no key", 0),
    ]
    for one in refused:
        with pytest.raises(TargetRefused):
            room.service.add(one, "user:it")
    room.service.remove("usb", "user:it")
    with pytest.raises(TargetUnknown):
        room.service.remove("usb", "user:it")
    assert room.tags() == ["backup:target:add", "backup:target:remove"]
    assert room.service.recipient().startswith("age1")
    assert room.service.login().startswith("ssh-ed25519 ")


def done(room: Room, what: str, **wishes):
    """A request answered in this process."""
    request = Request(room.service.request(what, "usb", **wishes), room.box.clock)
    result = perform(request, lambda *_: None)
    return room.service.keep(what, "usb", "user:it", result)


def test_what_was_done_is_on_record_and_remembered(room: Room, target, now: list[float]) -> None:
    room.add(target)
    # In this process the database is open already, and a raw reader would drop its locks: the
    # room's own connections are closed first. Workers are processes of their own.
    request = request_of(room, "create")
    made = with_closed(room, lambda: perform(request, lambda *_: None))
    result = room.service.keep("create", "usb", "user:it", made)
    assert (result["snapshot"], result["pruned"], result["clock_behind"]) == (
        1,
        {"dropped": [], "freed": 0},
        False,
    )
    checked = done(room, "verify")
    assert checked["ok"]
    assert checked["whole"] == [1]
    (report,) = room.service.targets()
    assert report.created is not None
    assert report.created.ok
    assert report.verified is not None
    assert [row["number"] for row in report.target.snapshots] == [1]
    assert room.tags() == ["backup:target:add", "backup:snapshot:create", "backup:copy:verify"]
    shutil.rmtree(target.place)
    Path(target.place).mkdir()
    with pytest.raises(ApplianceError) as caught:
        done(room, "verify")
    assert caught.value.code == "backup.absent"


def request_of(room: Room, what: str) -> Request:
    return Request(room.service.request(what, "usb"), room.box.clock)


def with_closed(room: Room, work):
    room.log.close()
    room.db.close()
    try:
        return work()
    finally:
        Room.__init__(room, room.box)


def test_a_clock_of_1970_forgets_nothing(room: Room, target, now: list[float]) -> None:
    room.add(target)
    now[0] = 1000.0
    for _ in range(3):
        request = request_of(room, "create")
        made = with_closed(room, lambda request=request: perform(request, lambda *_: None))
        assert made["clock_behind"]
        assert made["pruned"] is None
        room.service.keep("create", "usb", "user:it", made)
    (report,) = room.service.targets()
    assert [row["number"] for row in report.target.snapshots] == [1, 2, 3]
    assert report.created is not None
    assert "clock" in report.created.sentence


def test_a_target_of_the_same_name_is_another(
    room: Room, target, tmp_path: Path, now: list[float]
) -> None:
    """Named anew while a backup to the first was under way: it has nothing to remember of that."""
    room.add(target)
    request = request_of(room, "create")
    made = with_closed(room, lambda: perform(request, lambda *_: None))
    room.service.remove("usb", "user:it")
    (tmp_path / "other").mkdir()
    now[0] += 5
    room.service.add(KnownTarget("usb", "directory", str(tmp_path / "other"), "", 0), "user:it")
    room.service.keep("create", "usb", "user:it", made, request.value["since"])
    (report,) = room.service.targets()
    assert (report.target.memory, report.target.snapshots, report.created) == (None, (), None)
    again = request_of(room, "create")
    assert with_closed(room, lambda: perform(again, lambda *_: None))["snapshot"] == 1


def test_a_place_that_cannot_be_written_is_no_target(
    room: Room, target, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def read_only(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_relative_to(target.place):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(handle)

    monkeypatch.setattr(os, "fsync", read_only)
    with pytest.raises(TargetRefused, match="Read-only"):
        room.add(target)
    monkeypatch.undo()
    room.add(target)
    assert not list(Path(target.place).iterdir())


@pytest.mark.slow
async def test_a_worker_backs_up_a_box_that_goes_on(room: Room, target) -> None:
    """As a job, beside open connections; cancelled, refused, and checked."""
    room.add(target)
    backups = BackupJobs(room.service)
    jobs = JobService(
        room.db, room.log, {BACKUP: backups.kind()}, room.box.layout.jobs_dir, time.time
    )
    await jobs.start()

    async def outcome(**spec):
        job = await jobs.submit(BACKUP, {"target": "usb", **spec}, "user:it")
        async for _ in jobs.events(job.id):
            pass
        return jobs.get(job.id)

    with pytest.raises(JobSpecInvalid):
        await jobs.submit(BACKUP, {"what": "create", "target": "other"}, "user:it")
    with pytest.raises(JobSpecInvalid):
        await jobs.submit(BACKUP, {"what": "erase", "target": "usb"}, "user:it")
    try:
        first = await outcome(what="create")
        assert first.state == "done", first.fault
        await asyncio.to_thread(room.box.fill, room.db, 10)
        assert (await outcome(what="create")).result["snapshot"] == 2
        checked = await outcome(what="verify")
        assert checked.result["whole"] == [2]  # the last of the day stays
        assert not {"keys", "memory", "identity"} & set(checked.result)
        for path in target.list("packs"):
            target.delete(path)
        hurt = await outcome(what="verify")
        assert not hurt.result["ok"]
        assert [2] in [one["snapshots"] for one in hurt.result["hurts"]]
        drilled = await outcome(what="drill")
        assert drilled.state == "failed"
        assert drilled.fault.code == "backup.damaged"
    finally:
        await jobs.close()
    assert room.tags()[-1] == "backup:snapshot:fail"
    (report,) = room.service.targets()
    assert not report.drilled.ok
    assert not report.verified.ok
    text = "".join(str(jobs.told(job.id, None, 100)) for job in jobs.list())
    assert room.box.opened.key("box.db").hex() not in text


def test_the_schedule_has_the_night_the_week_and_the_month(room: Room) -> None:
    schedules = Schedules()
    BackupJobs(room.service).attend(schedules, None)
    assert schedules.names() == ["backup create", "backup verify", "backup drill"]
