"""One run of one job that works inside the box: a task instead of a worker process."""

import asyncio
import logging
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.jobs.errors import WorkerDied
from appliance.jobs.job import Fault, Job, JobKind, JobState, Json, Tell
from appliance.jobs.ledger import Outcome
from models.errors import ModelsError

_LOG = logging.getLogger(__name__)


class TaskRun:
    """Runs a job's task and turns its end into an outcome.

    Args:
        job: The job, already moved to running.
        kind: What kind of job it is; it has a `task`.
        directory: The job's own directory.
        tell: Stores a progress report.
    """

    def __init__(self, job: Job, kind: JobKind, directory: Path, tell: Tell) -> None:
        self._job = job
        self._kind = kind
        self._directory = directory
        self._tell = tell
        self._task: asyncio.Task[Json] | None = None
        self._asked: JobState | None = None

    def cancel(self) -> None:
        """Ask for the end of the job."""
        self._stop(JobState.CANCELLED)

    def interrupt(self) -> None:
        """Ask for a pause, because the box stops."""
        self._stop(JobState.INTERRUPTED)

    async def outcome(self) -> Outcome:
        """Run the task to its end and return how it ended; never raises but on cancellation."""
        self._task = asyncio.create_task(self._work(), name=f"inside-{self._job.id}")
        if self._asked is not None:  # asked to stop before there was anybody to ask
            self._task.cancel()
        await asyncio.wait({self._task})
        if self._task.cancelled():
            return Outcome(self._asked or JobState.INTERRUPTED)
        error = self._task.exception()
        if error is None:
            return Outcome(JobState.DONE, result=self._task.result())
        if self._asked is not None:
            return Outcome(self._asked)
        if not isinstance(error, ApplianceError | ModelsError):
            _LOG.error("job task broke", exc_info=error, extra={"job": self._job.id})
            error = WorkerDied(how=type(error).__name__)
        return Outcome(JobState.FAILED, fault=Fault(error.code, error.sentence, error.way_out))

    async def _work(self) -> Json:
        if self._kind.task is None:
            raise WorkerDied(how="task")
        result = await self._kind.task(self._job, self._directory, self._tell)
        return await self._kind.finish(self._job, self._directory, result)

    def _stop(self, state: JobState) -> None:
        if self._asked is None:
            self._asked = state
            if self._task is not None:
                self._task.cancel()
