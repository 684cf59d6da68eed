"""A clock that is wrong, a file system that takes no writes, events of a version that is not here yet."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from appliance.audit.event import Event
from appliance.audit.query import Query
from appliance.audit.store import AuditWriter, create
from appliance.audit.verify import verify
from appliance.db.connection import as_sentence
from appliance.db.errors import DbReadOnly
from appliance.errors import AuditUnavailable
from appliance.services.ground import record_settings
from tests.appliance.audit.conftest import KEY, note

ROOT = Path(__file__).parents[3]


def steps(log):
    found = log.reader.search(Query(tag="box:clock:step"))
    return [entry.event.details["step_us"] // 1_000_000 for entry in reversed(found)]


def test_a_box_that_boots_in_1970_keeps_its_place_in_time_until_its_clock_is_set(box):
    log = box.open()
    last = log.append(note(1)).result(10)
    log.close()
    right = box.clock.now
    box.clock.now = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
    log = box.open()
    while_wrong = [log.append(note(number)).result(10).time for number in range(3)]
    assert all(time >= last.time for time in while_wrong)
    back = steps(log)
    assert len(back) == 1
    assert back[0] < -50 * 365 * 86_400
    # Somebody sets the clock, which is a step as well, and time goes on.
    box.clock.now = right
    box.clock.move(60)
    leaf = log.append(note(9)).result(10)
    assert leaf.time > last.time
    assert len(steps(log)) == 2
    assert steps(log)[1] > 50 * 365 * 86_400
    assert verify(log.reader).ok


def test_a_new_box_whose_clock_never_was_right_begins_in_1970_and_tells_when_it_is_set(box):
    right = box.clock.now
    box.clock.now = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    log = box.open()
    early = log.append(note(1)).result(10)
    box.clock.now = right
    late = log.append(note(2)).result(10)
    assert early.time == 1_000_000
    assert late.time > early.time
    assert len(steps(log)) == 1
    assert log.reader.search(Query(until=early.time, limit=5))
    assert verify(log.reader).ok


def test_a_file_system_that_turns_read_only_refuses_with_its_reason_and_leaves_a_gap(
    box, monkeypatch
):
    log = box.open()
    kept = [log.append(note(number)).result(10) for number in range(5)]
    reached = AuditWriter.write

    def refuse(writer, change):
        raise as_sentence(
            writer._path, sqlcipher.OperationalError("attempt to write a readonly database")
        )

    monkeypatch.setattr(AuditWriter, "write", refuse)
    for number in range(3):
        with pytest.raises(AuditUnavailable, match="read-only"):
            log.append(note(number)).result(10)
    assert not log.healthy
    assert log.reader.entry(kept[-1].index).event.request_id == "req_4"
    monkeypatch.setattr(AuditWriter, "write", reached)
    after = log.append(note(99)).result(10)
    (gap,) = log.reader.search(Query(tag="box:audit:gap"))
    assert gap.index == after.index - 1
    assert gap.event.details["refused"] >= 3
    assert "read-only" in gap.event.details["reason"]
    assert verify(log.reader).ok


READ_ONLY = """
import ctypes, os, sys
from pathlib import Path
from tests.appliance.audit.crashing_writer import opened
from tests.appliance.audit.conftest import note
from appliance.errors import ApplianceError
libc = ctypes.CDLL(None, use_errno=True)
place = sys.argv[1].encode()
if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None):
    sys.exit(77)
if libc.mount(b"none", place, b"tmpfs", 0, b"size=16m"):
    sys.exit(77)
path = Path(sys.argv[1]) / "audit.db"
log = opened(path, sys.argv[2])
log.append(note(1)).result(20)
log.close()
if libc.mount(b"none", place, None, 0x20 | 0x1, b""):
    sys.exit(77)
try:
    opened(path, sys.argv[2])
except ApplianceError as error:
    print(error.sentence)
else:
    sys.exit("it opened")
libc.mount(b"none", place, None, 0x20, b"")
log = opened(path, sys.argv[2])
log.append(note(2)).result(20)
log.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["here", "apart"])
def test_a_log_on_a_read_only_disk_does_not_open_and_says_why(tmp_path, where):
    ended = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(tmp_path), where],
        check=False,
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    if ended.returncode == 77:
        pytest.skip("this machine lets nobody mount a file system of one's own")
    assert ended.returncode == 0, ended.stderr
    assert "Read-only file system" in ended.stdout


def test_events_of_a_later_version_are_kept_read_searched_and_verified(log):
    later = Event(
        "quantum:key:entangle", "key:a", "s", "req_1", {"patient": "p", "new": {"a": [1, None]}}
    )
    leaf = log.append(later).result(10)
    entry = log.reader.entry(leaf.index)
    assert entry.event == later
    assert log.reader.search(Query(tag="quantum:*", patient="p")) == [entry]
    assert verify(log.reader).ok


async def test_settings_that_are_others_than_at_the_last_start_are_told(log):
    for digest in ("a", "a", "b"):
        await record_settings(log, digest)
    found = [entry.event for entry in reversed(log.reader.search(Query(tag="settings:*")))]
    assert [event.tag.rpartition(":")[2] for event in found] == ["load", "load", "change", "load"]
    assert found[2].details == {"digest": "b", "last_digest": "a"}


def test_a_log_of_the_version_before_opens_and_goes_on(box):
    log = box.open()
    kept = [log.append(note(number)).result(10) for number in range(600)]
    log.close()
    connection = create(box.path, KEY, box.clock)
    for table in ("extent", "bundles", "postings", "tags", "archives"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("CREATE TABLE summaries (tile INTEGER PRIMARY KEY, words TEXT NOT NULL)")
    connection.execute("DELETE FROM schema_migrations WHERE id = 'audit.002-closed'")
    for column in ("request", "receipt"):
        connection.execute(f"CREATE INDEX entries_{column} ON entries ({column})")
    connection.close()
    log = box.open()
    assert log.append(note(9)).result(10).index == kept[-1].index + 3
    assert log.reader.search(Query(request_id="req_77"))[0].index == kept[77].index
    assert verify(log.reader).ok


def test_the_sentence_of_a_read_only_disk_is_its_own(tmp_path):
    error = as_sentence(
        tmp_path, sqlcipher.OperationalError("attempt to write a readonly database")
    )
    assert isinstance(error, DbReadOnly)
