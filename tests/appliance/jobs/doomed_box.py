"""A box of its own process for tests: `python -m tests.appliance.jobs.doomed_box DIR` runs one job."""

import asyncio
import sys
from pathlib import Path

from appliance.jobs.migrations import MIGRATIONS
from appliance.jobs.service import JobService
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import KINDS


async def live(folder: Path) -> None:
    db = open_db(folder / "box.db", MIGRATIONS)
    service = JobService(db, RememberingAudit(), KINDS, folder / "jobs", HandClock())
    await service.start()
    job = await service.submit("slow", {"steps": 60}, "x")
    async for event in service.events(job.id):
        if event.event == "progress":
            print(job.id, next(iter(service._runs.values())).run._worker.pid, flush=True)
            break
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
