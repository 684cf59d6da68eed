"""The job: its states, the moves between them, and what a kind of job is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
Tell = Callable[[Json], Awaitable[None]]
"""Stores a progress report."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


# Every move there is. A job that failed may be taken up again from its checkpoint; what is done or
# cancelled stays so.
MOVES: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED}
    ),
    JobState.INTERRUPTED: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.FAILED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.DONE: frozenset(),
    JobState.CANCELLED: frozenset(),
}

ACTIVE: Final = frozenset({JobState.QUEUED, JobState.RUNNING})


def may_move(before: JobState, after: JobState) -> bool:
    """Tell whether the table holds this move."""
    return after in MOVES[before]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a job failed: a code, a sentence and a way out."""

    code: str
    sentence: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands; times are Unix seconds.

    Attributes:
        id: "job_" and 16 hexadecimal digits.
        kind: The name of its `JobKind`.
        state: Where it stands.
        actor: Who submitted it.
        spec: What was asked for, as judged and completed by the kind.
        created: When it was submitted.
        started: When it was last started.
        finished: When it came to rest.
        progress: The worker's last report.
        result: What came out of it, once done.
        fault: Why it failed, once failed.
        attempts: How often it was started.
        resumable: Whether it can go on from a checkpoint.
    """

    id: str
    kind: str
    state: JobState
    actor: str
    spec: Json
    created: float
    started: float | None
    finished: float | None
    progress: Json | None
    result: Json | None
    fault: Fault | None
    attempts: int
    resumable: bool


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that happened to a job.

    Attributes:
        id: Counts from 1 within the job.
        job_id: The job.
        event: "progress", or the state the job moved to.
        time: Unix time in seconds.
        data: The worker's report, the result, or the fault.
    """

    id: int
    job_id: str
    event: str
    time: float
    data: Json


def _same_spec(spec: Json) -> Json:
    return spec


def _worker_spec(job: Job, directory: Path) -> Json:
    return {**job.spec, "directory": str(directory)}


async def _same_result(_job: Job, _directory: Path, result: Json) -> Json:
    return result


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of long work and how its worker process is run.

    Attributes:
        name: What submitters call it.
        argv: The worker's command line; nothing secret may stand in it.
        resumable: Whether the worker goes on from what lies in the job's directory.
        check: Judges a submitted spec and completes it; raises JobSpecInvalid.
        spec: The JSON object that the worker reads from its standard input.
        finish: Turns the worker's result into the stored one before the job counts as done (a
            trained model goes on the shelf here); an ApplianceError or ModelsError fails the job.
        env: The worker's environment besides the path and the locale.
        resource: Jobs with the same resource run one at a time.
        priority: Lower runs first.
        silence_s: Seconds without a word after which the worker counts as hung.
        task: Work inside the box instead of a worker process: it is given the job, its directory
            and a way to report progress, and returns the result. It is cancelled when the job is
            or when the box stops, and takes up what it finds in the directory.
    """

    name: str
    argv: Callable[[Job, Path], tuple[str, ...]]
    resumable: bool
    check: Callable[[Json], Json] = _same_spec
    spec: Callable[[Job, Path], Json] = _worker_spec
    finish: Callable[[Job, Path, Json], Awaitable[Json]] = _same_result
    env: Mapping[str, str] = field(default_factory=dict)
    resource: str = "compute"
    priority: int = 50
    silence_s: float = 900.0
    task: Callable[[Job, Path, Tell], Awaitable[Json]] | None = None
