"""Fixtures of the jobs tests: a service over fake workers."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.db.database import Db
from appliance.jobs.job import JobKind, JobState
from appliance.jobs.migrations import MIGRATIONS
from appliance.jobs.service import JobService
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.fake_worker import MODES

WORKER = Path(__file__).with_name("fake_worker.py")


def kind(mode: str, **changes) -> JobKind:
    def argv(job, directory):
        return (sys.executable, "-P", str(WORKER), mode)

    return JobKind(**{"name": mode, "argv": argv, "resumable": True, "silence_s": 30.0, **changes})


KINDS = {mode: kind(mode) for mode in MODES} | {
    "hang": kind("hang", silence_s=1.0),
    "brief": kind("slow", name="brief", resumable=False),
    "urgent": kind("count", name="urgent", priority=1),
    "other": kind("slow", name="other", resource="elsewhere"),
    "absent": kind("count", name="absent", argv=lambda job, directory: ("/nonexistent/worker",)),
}


@pytest.fixture
def audit() -> RememberingAudit:
    return RememberingAudit()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    opened = open_db(tmp_path / "box.db", MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def make(db, audit, clock, tmp_path):
    """Make services over the same database, as restarts do."""

    def made(kinds=KINDS, **options) -> JobService:
        return JobService(db, audit, kinds, tmp_path / "jobs", clock, **options)

    return made


@pytest.fixture
async def service(make):
    made = make()
    await made.start()
    yield made
    await made.close()


async def rest(service: JobService, job_id: str):
    """Wait until a job rests; return it."""
    async with asyncio.timeout(60):
        while True:
            async for _ in service.events(job_id):
                pass
            job = service.get(job_id)
            if job.state not in (JobState.QUEUED, JobState.RUNNING):
                return job


async def until(service: JobService, job_id: str, event: str):
    """Wait for the first event of a kind."""
    async with asyncio.timeout(60):
        async for told in service.events(job_id):
            if told.event == event:
                return told
    raise AssertionError(f"no {event}")
