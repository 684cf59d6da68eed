"""Jobs: durable long work, queued by priority, run by worker processes, told event by event."""

import asyncio
import contextlib
import json
import logging
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.jobs.errors import (
    JobAbandoned,
    JobKindUnknown,
    JobMove,
    JobsFull,
    JobSpecInvalid,
)
from appliance.jobs.job import ACTIVE, Fault, Job, JobEvent, JobKind, JobState, Json
from appliance.jobs.run import Outcome, Run
from appliance.jobs.store import JobStore

_LOG = logging.getLogger(__name__)
_MAX_QUEUED: Final = 200
_MAX_SPEC: Final = 256 * 1024
_MAX_ATTEMPTS: Final = 5
_PAGE: Final = 200
_RETRY_S: Final = 2.0
_AUDIT_TIMEOUT_S: Final = 30.0
_Action = Literal["submit", "start", "finish", "fail", "cancel", "resume"]
_ACTIONS: Final[dict[JobState, _Action]] = {
    JobState.RUNNING: "start",
    JobState.DONE: "finish",
    JobState.FAILED: "fail",
    JobState.CANCELLED: "cancel",
    JobState.QUEUED: "resume",
}


class Audit(Protocol):
    """The part of the audit log that jobs need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


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

    def __init__(  # the sixth is a number with a default
        self,
        db: Db,
        audit: Audit,
        kinds: Mapping[str, JobKind],
        jobs_dir: Path,
        clock: Callable[[], float],
        *,
        workers: int = 1,
    ) -> None:
        self._store = JobStore(db)
        self._db = db
        self._audit = audit
        self._kinds = dict(kinds)
        self._jobs_dir = jobs_dir
        self._clock = clock
        self._workers = workers
        self._runs: dict[str, tuple[Run, asyncio.Task[None], str]] = {}
        self._wake = asyncio.Event()
        self._news: dict[str, asyncio.Event] = {}
        self._dispatcher: asyncio.Task[None] | None = None
        self._closing = False

    # Asking -------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Return a job. Raises JobUnknown."""
        return self._store.get(job_id)

    def list(self, limit: int = 100, kind: str | None = None) -> list[Job]:
        """Return jobs, newest first."""
        return self._store.newest(max(1, min(limit, 1000)), kind)

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
        job = await asyncio.to_thread(self._submit, self._kinds[kind], spec, actor)
        self._wake.set()
        return job

    async def cancel(self, job_id: str, actor: str) -> Job:
        """Cancel a job that waits, runs or was interrupted. Raises JobUnknown or JobMove.

        A running worker is asked to leave, and killed when it does not; the answer shows the job
        as it stands, its end is told by its events.
        """
        running = self._runs.get(job_id)
        if running is None:
            job = await self._move(job_id, JobState.CANCELLED, actor)
            self._tell(job_id)
            return job
        running[0].cancel()
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

    async def start(self) -> None:
        """Take up what the last stop interrupted, and begin to run what is queued."""
        await asyncio.to_thread(self._take_up)
        self._dispatcher = asyncio.create_task(self._dispatch(), name="jobs-dispatcher")
        self._wake.set()

    async def close(self) -> None:
        """Stop starting jobs; running ones write a checkpoint and become interrupted."""
        self._closing = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._dispatcher
        for run, _, _ in self._runs.values():
            run.interrupt()
        await asyncio.gather(*(task for _, task, _ in tuple(self._runs.values())))
        for news in self._news.values():
            news.set()

    async def prune(self, keep_s: float) -> None:
        """Forget jobs that came to rest more than `keep_s` seconds ago, with their directories."""
        gone = await asyncio.to_thread(self._store.prune, self._clock() - keep_s)
        for job_id in gone:
            self._news.pop(job_id, None)
            await asyncio.to_thread(shutil.rmtree, self._jobs_dir / job_id, ignore_errors=True)

    # Inside -------------------------------------------------------------------------------------

    def _submit(self, kind: JobKind, spec: Json, actor: str) -> Job:
        checked = kind.check(spec)
        if self._store.counts()[JobState.QUEUED.value] >= _MAX_QUEUED:
            raise JobsFull(limit=_MAX_QUEUED)
        job = Job(
            id="job_" + secrets.token_hex(8),
            kind=kind.name,
            state=JobState.QUEUED,
            actor=actor,
            spec=checked,
            created=self._clock(),
            started=None,
            finished=None,
            progress=None,
            result=None,
            fault=None,
            attempts=0,
            resumable=kind.resumable,
        )
        with self._db.write():
            self._store.add(job)
            self._record(events.job_run("submit", actor, job_id=job.id, kind=job.kind))
        return job

    def _take_up(self) -> None:
        now = self._clock()
        for job in self._store.in_state(JobState.RUNNING):
            self._store.move(job.id, JobState.INTERRUPTED, now)
        for job in self._store.in_state(JobState.INTERRUPTED):
            if not job.resumable or job.kind not in self._kinds:
                gone = JobAbandoned()
                fault = Fault(gone.code, gone.sentence, gone.way_out)
                self._settle(job, Outcome(JobState.FAILED, fault=fault))
            elif job.attempts < _MAX_ATTEMPTS:
                # A job that took the box down with it five times waits for a person instead.
                self._settle(job, Outcome(JobState.QUEUED))

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
            kind = self._kinds[job.kind]
            busy = {resource for _, _, resource in self._runs.values()}
            if len(self._runs) >= self._workers or kind.resource in busy:
                continue
            try:
                moved = await self._move(job.id, JobState.RUNNING, job.actor)
            except JobMove:
                continue  # cancelled in the meantime
            self._tell(job.id)
            directory = self._jobs_dir / job.id
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            run = Run(moved, kind, directory, lambda data, job=moved: self._progress(job, data))
            task = asyncio.create_task(self._own(moved, run), name=f"job-{job.id}")
            self._runs[job.id] = (run, task, kind.resource)

    async def _own(self, job: Job, run: Run) -> None:
        outcome = await run.outcome()
        try:
            while not await self._try_settle(job, outcome):
                # Nothing may be forgotten because a disk is full: the outcome waits for it.
                if self._closing:
                    return
                await asyncio.sleep(_RETRY_S)
        finally:
            self._runs.pop(job.id, None)
            self._tell(job.id)
            self._wake.set()

    async def _try_settle(self, job: Job, outcome: Outcome) -> bool:
        try:
            await asyncio.to_thread(self._settle, job, outcome)
        except ApplianceError as error:
            _LOG.warning("job outcome not stored yet", extra={"job": job.id, "code": error.code})
            return False
        return True

    def _settle(self, job: Job, outcome: Outcome, actor: str | None = None) -> Job:
        fault = outcome.fault
        changes: Json = {}
        if outcome.result is not None:
            changes["result"] = outcome.result
        if fault is not None:
            changes["fault"] = {
                "code": fault.code,
                "sentence": fault.sentence,
                "way_out": fault.way_out,
            }
        with self._db.write():
            moved = self._store.move(job.id, outcome.state, self._clock(), changes)
            action = _ACTIONS.get(outcome.state)
            if action is not None:
                code = None if fault is None else fault.code
                self._record(
                    events.job_run(
                        action, actor or job.actor, job_id=job.id, kind=job.kind, code=code
                    )
                )
        return moved

    async def _move(self, job_id: str, after: JobState, actor: str) -> Job:
        job = await asyncio.to_thread(self._store.get, job_id)
        return await asyncio.to_thread(self._settle, job, Outcome(after), actor)

    async def _progress(self, job: Job, data: Json) -> None:
        with contextlib.suppress(
            ApplianceError
        ):  # a report lost to a full disk is no reason to fail
            await asyncio.to_thread(self._store.progress, job.id, self._clock(), data)
            self._tell(job.id)

    def _tell(self, job_id: str) -> None:
        news = self._news.pop(job_id, None)
        if news is not None:
            news.set()

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
