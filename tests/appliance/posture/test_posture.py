"""Posture: the last report, its digest for receipts, and records of every run."""

import asyncio
import json
from pathlib import Path

import pytest

from appliance.errors import AuditUnavailable
from appliance.posture.migrations import MIGRATIONS
from appliance.posture.service import UNCHECKED, PostureService
from appliance.posture.store import PostureRun, PostureStore
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


def run_of(number: int) -> PostureRun:
    return PostureRun(float(number), "box", "night", f"{number:064x}", 2, 9, 1, 0, "warn", "0.1.0")


def test_old_reports_are_forgotten_and_their_lines_stay_longer(db, monkeypatch):
    monkeypatch.setattr("appliance.posture.store.KEPT", 3)
    monkeypatch.setattr("appliance.posture.store.RUNS_KEPT", 5)
    store = PostureStore(db)
    for number in range(9):
        store.add(run_of(number), {"n": number, "odd": "\ud800"})
    with db.read() as read:
        assert len(list(read.query("SELECT id FROM posture_reports"))) == 3
    assert store.newest()[1]["n"] == 8
    assert store.runs(100) == [run_of(number) for number in (8, 7, 6, 5, 4)]
    assert store.named(f"{7:064x}")[1]["n"] == 7
    assert store.named(f"{5:064x}") is None
    assert store.named("f" * 64) is None


async def test_what_an_older_release_kept_gets_its_lines(tmp_path, empty):
    with open_db(tmp_path / "old.db", MIGRATIONS[:1]) as old, old.write() as tx:
        for number in range(2):
            tx.execute(
                "INSERT INTO posture_reports (checked, actor, report) VALUES (?, ?, ?)",
                [float(number), ("box", "user:li")[number], json.dumps(empty().as_json())],
            )
    with open_db(tmp_path / "old.db", MIGRATIONS) as now:
        runs = PostureStore(now).runs(10)
    assert [(one.checked, one.reason) for one in runs] == [(1.0, "asked"), (0.0, "night")]
    assert runs[0].digest == empty().digest
    assert runs[0].undecided > 10
