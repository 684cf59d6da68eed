"""Jobs: durable long work, queued by priority, run by worker processes, told event by event."""

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from appliance.audit.events import BOX
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.jobs.errors import JobKindUnknown, JobMove, JobSpecInvalid
from appliance.jobs.job import ACTIVE, Job, JobEvent, JobKind, JobState, Json
from appliance.jobs.ledger import Audit, JobLedger, Outcome
from appliance.jobs.lender import Lender, Unlimited
from appliance.jobs.run import Run
from appliance.jobs.task_run import TaskRun

_LOG = logging.getLogger(__name__)
_MAX_SPEC: Final = 256 * 1024
_PAGE: Final = 200
_RETRY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Running:
    run: Run | TaskRun
    task: asyncio.Task[None]
    resource: str
    inside: bool


class JobService:
    """The jobs of one box.

    Lives on one event loop. `start` takes up what was interrupted; from then on one dispatcher
    task starts queued jobs by priority, at most `workers` at once and one per resource, and one
    task per running job owns its state. A change of state and its audit event are one step: the
    event is durable before the change is.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        kinds: What kinds of jobs there are, by name.
        jobs_dir: Where each job gets a directory of its own (inside the vault).
        clock: Unix time in seconds.
        workers: How many jobs run at once.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        kinds: Mapping[str, JobKind],
        jobs_dir: Path,
        clock: Callable[[], float],
        *,
        workers: int = 1,
    ) -> None:
        self._ledger = JobLedger(db, audit, clock)
        self._store = self._ledger.store
        self._kinds = dict(kinds)
        self._jobs_dir = jobs_dir
        self._clock = clock
        self._workers = workers
        self._lender: Lender = Unlimited()
        self._yielded: set[str] = set()
        self._runs: dict[str, _Running] = {}
        self._wake = asyncio.Event()
        self._news: dict[str, asyncio.Event] = {}
        self._dispatcher: asyncio.Task[None] | None = None
        self._closing = False
        # Held while a job changes hands, so that no job is cancelled between queue and run.
        self._hands = asyncio.Lock()

    # Asking -------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Return a job. Raises JobUnknown."""
        return self._store.get(job_id)

    def list(self, limit: int = 100, kind: str | None = None) -> list[Job]:
        """Return jobs, newest first."""
        return self._store.newest(max(1, min(limit, 1000)), kind)

    def told(self, job_id: str, before: int | None, limit: int) -> tuple[JobEvent, ...]:
        """Return the latest events of a job, or those before one, newest first."""
        return tuple(self._store.events_before(job_id, before, limit))

    def counts(self) -> dict[str, int]:
        """Return how many jobs stand in each state."""
        return self._store.counts()

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[JobEvent]:
        """Yield the events of a job whose id is above `after`, and those to come.

        Ends when the job rests (done, failed, cancelled, interrupted) and all was told.

        Raises:
            JobUnknown: There is no such job.
        """
        await asyncio.to_thread(self._store.get, job_id)
        while True:
            news = self._news.setdefault(job_id, asyncio.Event())
            resting = (await asyncio.to_thread(self._store.get, job_id)).state not in ACTIVE
            told = await asyncio.to_thread(self._store.events, job_id, after, _PAGE)
            for event in told:
                yield event
                after = event.id
            if told:
                continue
            if resting or self._closing:
                return
            await news.wait()

    # Changing -----------------------------------------------------------------------------------

    async def submit(self, kind: str, spec: Json, actor: str) -> Job:
        """Queue a job.

        Raises:
            JobKindUnknown: This box runs no such kind.
            JobSpecInvalid: The kind does not accept the spec.
            JobsFull: Too many jobs wait already.
        """
        if kind not in self._kinds:
            raise JobKindUnknown(kind=kind[:64], kinds=", ".join(sorted(self._kinds)))
        if len(json.dumps(spec)) > _MAX_SPEC:
            raise JobSpecInvalid(field="spec", reason_zh="过大", reason_en="it is too large")
        job = await asyncio.to_thread(self._ledger.submit, self._kinds[kind], spec, actor)
        self._wake.set()
        return job

    async def cancel(self, job_id: str, actor: str) -> Job:
        """Cancel a job that waits, runs or was interrupted. Raises JobUnknown or JobMove.

        A running worker is asked to leave, and killed when it does not; the answer shows the job
        as it stands, its end is told by its events.
        """
        async with self._hands:
            running = self._runs.get(job_id)
            if running is None:
                job = await self._move(job_id, JobState.CANCELLED, actor)
                self._tell(job_id)
                return job
            running.run.cancel()
        return await asyncio.to_thread(self._store.get, job_id)

    async def resume(self, job_id: str, actor: str) -> Job:
        """Queue an interrupted or failed job again. Raises JobUnknown or JobMove."""
        job = await asyncio.to_thread(self._store.get, job_id)
        if not job.resumable:
            raise JobMove(job_id=job_id, state=job.state.value, move=JobState.QUEUED.value)
        job = await self._move(job_id, JobState.QUEUED, actor)
        self._tell(job_id)
        self._wake.set()
        return job

    # Living -------------------------------------------------------------------------------------

    def borrow_from(self, lender: Lender) -> None:
        """Let jobs borrow memory and cores before they start; one that gets none waits."""
        self._lender = lender

    async def start(self) -> None:
        """Take up what the last stop interrupted, and begin to run what is queued."""
        await asyncio.to_thread(self._ledger.take_up, self._kinds)
        self._lender.on_freed(self._wake.set)
        self._dispatcher = asyncio.create_task(self._dispatch(), name="jobs-dispatcher")
        self._wake.set()

    async def close(self) -> None:
        """Stop starting jobs; running ones write a checkpoint and become interrupted."""
        self._closing = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._dispatcher
        running = tuple(self._runs.values())
        for one in running:
            one.run.interrupt()
        await asyncio.gather(*(one.task for one in running))
        for news in self._news.values():
            news.set()

    async def prune(self, keep_s: float) -> None:
        """Forget jobs that came to rest more than `keep_s` seconds ago, with their directories."""
        gone = await asyncio.to_thread(self._store.prune, self._clock() - keep_s)
        for job_id in gone:
            self._news.pop(job_id, None)
            await asyncio.to_thread(shutil.rmtree, self._jobs_dir / job_id, ignore_errors=True)

    # Inside -------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(ApplianceError):
                await self._start_next()

    async def _start_next(self) -> None:
        queued = await asyncio.to_thread(self._store.in_state, JobState.QUEUED)
        known = [job for job in queued if job.kind in self._kinds]
        for job in sorted(known, key=lambda job: self._kinds[job.kind].priority):
            async with self._hands:
                await self._start_one(job, self._kinds[job.kind])

    async def _start_one(self, job: Job, kind: JobKind) -> None:
        busy = {running.resource for running in self._runs.values()}
        # Work inside the box takes no worker's place: it waits for the engines, not for cores.
        workers = sum(not running.inside for running in self._runs.values())
        full = kind.task is None and workers >= self._workers
        if full or kind.resource in busy:
            return
        on_yield = partial(self._yield, job.id) if kind.resumable else None
        if not await self._lender.borrow(job.id, kind, on_yield):
            return
        try:
            moved = await self._move(job.id, JobState.RUNNING, job.actor)
        except BaseException as error:
            await self._lender.give_back(job.id)
            if isinstance(error, JobMove):
                return  # cancelled in the meantime
            raise
        self._tell(job.id)
        directory = self._jobs_dir / job.id
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tell = partial(self._progress, moved.id)
        inside = kind.task is not None
        run = TaskRun(moved, kind, directory, tell) if inside else Run(moved, kind, directory, tell)
        task = asyncio.create_task(self._own(moved, run), name=f"job-{job.id}")
        self._runs[job.id] = _Running(run, task, kind.resource, inside)

    async def _own(self, job: Job, run: Run | TaskRun) -> None:
        outcome = await run.outcome()
        try:
            while not await self._try_settle(job, outcome):
                # Nothing may be forgotten because a disk is full: the outcome waits for it.
                if self._closing:
                    return
                await asyncio.sleep(_RETRY_S)
        finally:
            self._runs.pop(job.id, None)
            await self._lender.give_back(job.id)
            await self._take_up(job, outcome)
            self._tell(job.id)
            self._wake.set()

    def _yield(self, job_id: str) -> None:
        """Serving needs the room: the job writes a checkpoint and waits in the queue again."""
        running = self._runs.get(job_id)
        if running is not None:
            self._yielded.add(job_id)
            running.run.interrupt()

    async def _take_up(self, job: Job, outcome: Outcome) -> None:
        yielded = job.id in self._yielded
        self._yielded.discard(job.id)
        if yielded and outcome.state is JobState.INTERRUPTED and not self._closing:
            with contextlib.suppress(ApplianceError):
                await self._move(job.id, JobState.QUEUED, BOX)

    async def _try_settle(self, job: Job, outcome: Outcome) -> bool:
        try:
            await asyncio.to_thread(self._ledger.settle, job, outcome)
        except JobMove:
            _LOG.exception("job outcome fits no state", extra={"job": job.id})
        except ApplianceError as error:
            _LOG.warning("job outcome not stored yet", extra={"job": job.id, "code": error.code})
            return False
        return True

    async def _move(self, job_id: str, after: JobState, actor: str) -> Job:
        job = await asyncio.to_thread(self._store.get, job_id)
        return await asyncio.to_thread(self._ledger.settle, job, Outcome(after), actor)

    async def _progress(self, job_id: str, data: Json) -> None:
        with contextlib.suppress(
            ApplianceError
        ):  # a report lost to a full disk is no reason to fail
            await asyncio.to_thread(self._store.progress, job_id, self._clock(), data)
            self._tell(job_id)

    def _tell(self, job_id: str) -> None:
        news = self._news.pop(job_id, None)
        if news is not None:
            news.set()
