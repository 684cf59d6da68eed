"""The ledger of jobs: each change of state and its audit event are one step."""

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.jobs.errors import JobAbandoned, JobsFull
from appliance.jobs.job import Fault, Job, JobKind, JobState, Json
from appliance.jobs.store import JobStore

MAX_QUEUED: Final = 200
MAX_ATTEMPTS: Final = 5
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a job goes: the state, and the result or the fault that comes with it."""

    state: JobState
    result: Json | None = None
    fault: Fault | None = None


class JobLedger:
    """Synchronous: every call is one transaction, and belongs in the thread pool.

    The audit event is durable before the change is; a change that cannot be audited is undone.
    """

    def __init__(self, db: Db, audit: Audit, clock: Callable[[], float]) -> None:
        self.store = JobStore(db)
        self._db = db
        self._audit = audit
        self._clock = clock

    def submit(self, kind: JobKind, spec: Json, actor: str) -> Job:
        """Queue a job. Raises JobSpecInvalid (by the kind) or JobsFull."""
        checked = kind.check(spec)
        if self.store.counts()[JobState.QUEUED.value] >= MAX_QUEUED:
            raise JobsFull(limit=MAX_QUEUED)
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
            self.store.add(job)
            self._record(events.job_run("submit", actor, job_id=job.id, kind=job.kind))
        return job

    def take_up(self, kinds: Mapping[str, JobKind]) -> None:
        """Put what the last stop of the box interrupted back into the queue, or give it up."""
        now = self._clock()
        crashed = {job.id for job in self.store.in_state(JobState.RUNNING)}
        for job_id in crashed:
            self.store.move(job_id, JobState.INTERRUPTED, now)
        for job in self.store.in_state(JobState.INTERRUPTED):
            if not job.resumable or job.kind not in kinds:
                gone = JobAbandoned()
                fault = Fault(gone.code, gone.sentence, gone.way_out)
                self.settle(job, Outcome(JobState.FAILED, fault=fault))
            elif job.id not in crashed or job.attempts < MAX_ATTEMPTS:
                # A job that may have taken the box down five times waits for a person instead.
                self.settle(job, Outcome(JobState.QUEUED))

    def settle(self, job: Job, outcome: Outcome, actor: str | None = None) -> Job:
        """Move a job and record it. Raises JobUnknown, JobMove, or what database and log raise."""
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
            moved = self.store.move(job.id, outcome.state, self._clock(), changes)
            action = _ACTIONS.get(outcome.state)
            if action is not None:
                code = None if fault is None else fault.code
                self._record(
                    events.job_run(
                        action, actor or job.actor, job_id=job.id, kind=job.kind, code=code
                    )
                )
        return moved

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
