"""The log while it cannot write: a full disk, too much waiting, a writer that breaks."""

import time

import pytest

from appliance.audit.event import Event
from appliance.audit.reading import Query
from appliance.audit.verify import verify
from appliance.db.errors import DbDiskFull
from appliance.errors import AuditUnavailable
from secure_compute.merkle import leaf_hash
from tests.appliance.audit.conftest import note


def tags(log):
    return [entry.event.tag for entry in reversed(log.reader.search(Query(limit=1000)))]


@pytest.fixture
def disk(monkeypatch):
    """A disk whose size is set while the log runs: pages that a database may have."""
    from appliance.audit import store

    class Disk:
        pages = 1_000_000

    def write(writer, change, plain=store.AuditWriter.write):
        writer._connection.execute(f"PRAGMA max_page_count = {Disk.pages}")
        plain(writer, change)

    monkeypatch.setattr(store.AuditWriter, "write", write)
    return Disk


def test_a_full_disk_refuses_until_there_is_room_and_loses_nothing(box, disk):
    log = box.open()
    kept = [log.append(note(number)).result(10) for number in range(10)]
    disk.pages = 30
    big = Event("x:y:z", "key:a", details={"x": "y" * 60_000})
    refused, reasons, unhealthy = 0, [], []
    for _ in range(6):
        try:
            kept.append(log.append(big).result(10))
        except AuditUnavailable as error:
            refused += 1
            reasons.append(str(error))
            unhealthy.append(not log.healthy)
    assert refused > 2
    assert all("full" in reason for reason in reasons)
    assert all(unhealthy)
    disk.pages = 1_000_000
    after = log.append(note(99)).result(10)
    assert log.healthy
    (gap,) = log.reader.search(Query(tag="box:audit:gap"))
    assert gap.event.details["refused"] == refused
    assert after.index == gap.index + 1
    for leaf in kept:
        assert leaf_hash(log.reader.entry(leaf.index).leaf) == leaf.hash
    assert verify(log.reader).ok
    log.close()
    box.open()


def test_a_quiet_log_recovers_by_itself(box, disk, monkeypatch):
    monkeypatch.setattr("appliance.audit.writer._RETRY_S", 0.01)
    log = box.open()
    disk.pages = 1
    big = Event("x:y:z", "key:a", details={"x": "y" * 60_000})
    with pytest.raises(AuditUnavailable):
        log.append(big).result(10)
    assert not log.healthy
    disk.pages = 1_000_000
    for _ in range(500):
        if log.healthy:
            break
        time.sleep(0.01)
    assert log.healthy
    assert tags(log)[-1] == "box:audit:gap"


def open_many_times(box):
    for _ in range(200):
        box.open().close()


def test_a_disk_that_is_full_at_the_start_lets_no_log_open(box, disk):
    box.open().close()
    disk.pages = 1
    with pytest.raises(DbDiskFull):
        open_many_times(box)
    disk.pages = 1_000_000
    assert verify(box.open().reader).ok


def test_too_many_waiting_events_are_refused_at_once(log, monkeypatch):
    monkeypatch.setattr("appliance.audit.writer.MAX_WAITING", 0)
    with pytest.raises(AuditUnavailable, match="too many"):
        log.append(note(1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_breaks_leaves_nobody_waiting(log):

    def explode(*_, **__):
        raise ZeroDivisionError

    log._scribe.commit = explode
    futures = [log.append(note(number)) for number in range(3)]
    for future in futures:
        with pytest.raises(AuditUnavailable):
            future.result(10)
    with pytest.raises(AuditUnavailable):
        log.append(note(2))
