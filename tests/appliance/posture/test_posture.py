"""Posture: the last report, its digest for receipts, and records of every run."""

import asyncio
from pathlib import Path

import pytest

from appliance.errors import AuditUnavailable
from appliance.posture.migrations import MIGRATIONS
from appliance.posture.service import UNCHECKED, PostureService
from appliance.posture.store import PostureStore
from firmware_checks.posture import run_checks
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db


@pytest.fixture
def db(tmp_path: Path):
    opened = open_db(tmp_path / "box.db", MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def empty(tmp_path: Path):
    """A machine without anything to look at."""
    root = tmp_path / "machine"
    for name in ("proc", "sys"):
        (root / name).mkdir(parents=True)
    return lambda: run_checks(root, lambda: 1_800_000_000.0)


async def test_before_the_first_check_receipts_say_so(db, empty):
    service = PostureService(db, RememberingAudit(), HandClock(), empty)
    assert service.last() is None
    assert service.digest() == UNCHECKED


async def test_a_check_is_kept_recorded_and_outlives_a_restart(db, empty):
    audit, clock = RememberingAudit(), HandClock()
    service = PostureService(db, audit, clock, empty)
    checked = await service.check("user:li")
    assert service.digest() == checked.report["digest"]
    assert len(service.digest()) == 64
    event = audit.events[0]
    assert (event.tag, event.actor) == ("firmware:check:run", "user:li")
    assert event.details["digest"] == service.digest()
    again = PostureService(db, audit, clock, empty)
    assert again.last() == checked


async def test_a_check_without_a_record_is_not_kept(db, empty):
    audit = RememberingAudit()
    audit.broken = True
    service = PostureService(db, audit, HandClock(), empty)
    with pytest.raises(AuditUnavailable):
        await service.check()
    assert service.last() is None


async def test_checks_run_one_at_a_time(db, empty):
    running, most = 0, 0

    def slow():
        nonlocal running, most
        running += 1
        most = max(most, running)
        report = empty()
        running -= 1
        return report

    service = PostureService(db, RememberingAudit(), HandClock(), slow)
    await asyncio.gather(*(service.check() for _ in range(3)))
    assert most == 1


def test_old_reports_are_forgotten(db, monkeypatch):
    monkeypatch.setattr("appliance.posture.store.KEPT", 3)
    store = PostureStore(db)
    for number in range(9):
        store.add(float(number), "box", {"n": number, "odd": "\ud800"})
    with db.read() as read:
        assert len(list(read.query("SELECT id FROM posture_reports"))) == 3
    assert store.newest()[1]["n"] == 8
