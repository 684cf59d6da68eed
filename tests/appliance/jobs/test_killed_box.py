"""A box killed by SIGKILL: its worker dies with it, and the next start goes on from the checkpoint."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from appliance.jobs.job import JobState
from appliance.jobs.migrations import MIGRATIONS
from appliance.jobs.service import JobService
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import KINDS, rest

ROOT = Path(__file__).parents[3]


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_the_worker_dies_with_the_box_and_the_job_goes_on(tmp_path):
    argv = (sys.executable, "-m", "tests.appliance.jobs.doomed_box", str(tmp_path))
    box = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        job_id, pid = (await box.stdout.readline()).decode().split()
        assert runs(int(pid))
        os.kill(box.pid, signal.SIGKILL)
        await box.wait()
        while runs(int(pid)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    at = int((tmp_path / "jobs" / job_id / "checkpoint").read_text())
    audit = RememberingAudit()
    db = open_db(tmp_path / "box.db", MIGRATIONS)
    service = JobService(db, audit, KINDS, tmp_path / "jobs", HandClock())
    await service.start()
    try:
        done = await rest(service, job_id)
        told = [event async for event in service.events(job_id)]
    finally:
        await service.close()
        db.close()
    assert done.state is JobState.DONE
    assert done.result["steps"] == 60
    assert done.attempts == 2
    assert [event.event for event in told if event.event != "progress"] == [
        "queued",
        "running",
        "interrupted",
        "queued",
        "running",
        "done",
    ]
    after = next(event.id for event in told if event.event == "interrupted")
    later = [event.data["step"] for event in told if event.event == "progress" and event.id > after]
    assert min(later) > at - 1
    assert audit.tags() == ["job:run:resume", "job:run:start", "job:run:finish"]
