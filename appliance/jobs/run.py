"""One run of one job: the task that owns the job's state from start to rest."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.errors import ApplianceError
from appliance.jobs.errors import WorkerDied
from appliance.jobs.job import Fault, Job, JobKind, JobState, Json
from appliance.jobs.ledger import Outcome
from appliance.jobs.protocol import Complaint, Progress, Result
from appliance.jobs.worker import EXIT_INTERRUPTED, Worker, WorkerPlan, worker_environment
from models.errors import ModelsError

_LOG = logging.getLogger(__name__)
_PROGRESS_EVERY_S: Final = 0.2
_STOP_GRACE_S: Final = 30.0
_EXIT_GRACE_S: Final = 10.0


@dataclass(slots=True)
class _Heard:
    """What the worker has said so far."""

    end: Result | Complaint | None = None
    pending: Json | None = None
    stored_at: float = field(default=float("-inf"))


class Run:
    """Runs a job's worker and turns its end into an outcome.

    Args:
        job: The job, already moved to running.
        kind: What kind of job it is.
        directory: The job's own directory.
        tell: Stores a progress report.
    """

    def __init__(
        self,
        job: Job,
        kind: JobKind,
        directory: Path,
        tell: Callable[[Json], Awaitable[None]],
    ) -> None:
        self._job = job
        self._kind = kind
        self._directory = directory
        self._tell = tell
        self._worker: Worker | None = None
        self._asked: JobState | None = None
        self._killer: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Ask for the end of the job: SIGTERM, and SIGKILL when it does not leave."""
        self._stop(JobState.CANCELLED)

    def interrupt(self) -> None:
        """Ask for a checkpoint, because the box stops."""
        self._stop(JobState.INTERRUPTED)

    async def outcome(self) -> Outcome:
        """Run the worker to its end and return how it ended; never raises but on cancellation."""
        try:
            return await self._run()
        except (ApplianceError, ModelsError) as error:
            return self._ended(error)
        except Exception as error:  # noqa: BLE001  # one of the three walls: the job worker
            _LOG.exception("job run broke", extra={"job": self._job.id})
            return self._ended(WorkerDied(how=type(error).__name__))
        finally:
            await self._clean()

    async def _run(self) -> Outcome:
        spec = await asyncio.to_thread(self._kind.spec, self._job, self._directory)
        plan = WorkerPlan(
            argv=self._kind.argv(self._job, self._directory),
            env=worker_environment(self._kind.env),
            directory=self._directory,
            spec=spec,
            silence_s=self._kind.silence_s,
        )
        self._worker = await Worker.start(plan)
        self._worker_started(self._worker)
        heard = _Heard()
        await self._listen(self._worker, heard)
        status = await self._worker.wait(_EXIT_GRACE_S)
        if status is None:
            self._worker.kill()
            status = await self._worker.wait()
        return await self._judge(heard.end, status)

    async def _listen(self, worker: Worker, heard: _Heard) -> None:
        async for said in worker.said():
            if isinstance(said, Progress):
                await self._report(heard, said.data)
            elif heard.end is None:
                heard.end = said
        if heard.pending is not None:
            await self._tell(heard.pending)

    async def _report(self, heard: _Heard, data: Json) -> None:
        now = time.monotonic()
        if now - heard.stored_at < _PROGRESS_EVERY_S:
            heard.pending = data
            return
        heard.stored_at, heard.pending = now, None
        await self._tell(data)

    async def _judge(self, end: Result | Complaint | None, status: int | None) -> Outcome:
        if isinstance(end, Result) and status == 0:
            stored = await self._kind.finish(self._job, self._directory, end.data)
            return Outcome(JobState.DONE, result=stored)
        if isinstance(end, Complaint) and self._asked is None:
            return Outcome(JobState.FAILED, fault=Fault(end.code, end.sentence, end.way_out))
        if self._asked is not None:
            return Outcome(self._asked)
        if status == EXIT_INTERRUPTED and self._kind.resumable:
            return Outcome(JobState.INTERRUPTED)
        return self._ended(WorkerDied(how=_how(status)))

    def _ended(self, error: ApplianceError | ModelsError) -> Outcome:
        if self._asked is not None:
            return Outcome(self._asked)
        return Outcome(JobState.FAILED, fault=Fault(error.code, error.sentence, error.way_out))

    def _stop(self, state: JobState) -> None:
        if self._asked is None:
            self._asked = state
            if self._worker is not None:
                self._send_stop(self._worker)

    def _worker_started(self, worker: Worker) -> None:
        if self._asked is not None:  # asked to stop before there was anybody to ask
            self._send_stop(worker)

    def _send_stop(self, worker: Worker) -> None:
        worker.ask_to_stop()
        self._killer = asyncio.create_task(self._kill_later(worker))

    @staticmethod
    async def _kill_later(worker: Worker) -> None:
        if await worker.wait(_STOP_GRACE_S) is None:
            worker.kill()

    async def _clean(self) -> None:
        if self._killer is not None:
            self._killer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._killer
        if self._worker is not None:
            await self._worker.close()


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"信号 signal {-status}"
    return f"退出码 exit status {status}"
