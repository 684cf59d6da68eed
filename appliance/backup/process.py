"""Runs the worker of backups for a job inside the box, and passes on what it says."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from appliance.backup.errors import BackupError
from appliance.jobs.errors import WorkerDied
from appliance.jobs.protocol import Complaint, Progress, Result
from appliance.jobs.worker import Worker, WorkerPlan, worker_environment

Json = dict[str, Any]
SILENCE_S: Final = 1800.0
_GRACE_S: Final = 20.0
_ARGV: Final = (sys.executable, "-P", "-m", "appliance.backup.worker")


class WorkerRefused(BackupError):
    """A refusal that a worker made, in its own words."""

    code = "backup.worker"
    zh = "{sentence}"
    en = "{sentence}"
    way_out_zh = "{told}"
    way_out_en = "{told}"

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(sentence=complaint.sentence, told=complaint.way_out)
        self.code = complaint.code

    @property
    @override
    def sentence(self) -> str:
        return str(self.facts["sentence"])

    @property
    @override
    def way_out(self) -> str:
        return str(self.facts["told"])


async def run_worker(
    request: Json, directory: Path, tell: Callable[[Json], Awaitable[None]]
) -> Json:
    """Run a request to its end.

    Args:
        request: with its keys; it reaches the worker's standard input and nothing else.
        directory: where the worker's stderr.log goes.
        tell: stores a progress report.

    Raises:
        WorkerRefused: the worker says why.
        WorkerDied: it ended without a word.
    """
    environment = worker_environment({})
    plan = WorkerPlan(_ARGV, environment, directory, request, SILENCE_S)
    worker = await Worker.start(plan)
    try:
        end: Result | Complaint | None = None
        async for said in worker.said():
            if isinstance(said, Progress):
                await tell(said.data)
            else:
                end = said
        status = await worker.wait(_GRACE_S)
    except BaseException:
        worker.ask_to_stop()
        with suppress(TimeoutError):
            await worker.wait(_GRACE_S)
        raise
    finally:
        await worker.close()
    if isinstance(end, Complaint):
        raise WorkerRefused(end)
    if end is None:
        raise WorkerDied(how=f"退出码 exit status {status}")
    return end.data
