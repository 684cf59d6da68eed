"""Wire types of jobs: long work that is durable, resumable and cancellable."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Wire

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


class JobWish(Wire):
    """A job to be run; `spec` is judged by the kind's own rules."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "training", "spec": {"recipe": "reference", "seed": 1}}]
        }
    )

    kind: Literal["training", "evaluation"]
    spec: dict[str, Any]


class EvaluationWish(Wire):
    """An evaluation: ability ids (empty: all), at most `limit` cases of each, a seed."""

    abilities: tuple[Identifier, ...] = Field(default=(), max_length=64)
    model: Identifier | None = None
    limit: int | None = Field(default=None, ge=1, le=1_000_000)
    seed: int = Field(default=1, ge=0, le=2**63 - 1)


class JobFault(Wire):
    """Why a job failed."""

    code: str
    sentence: str
    way_out: str


class Job(Wire):
    """One job; times are UTC, `progress` is the worker's last report."""

    id: str
    kind: str
    state: JobState
    actor: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    spec: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    fault: JobFault | None


class JobList(Wire):
    """Jobs, newest first."""

    jobs: tuple[Job, ...]


class JobEvent(Wire):
    """One event of a job; `index` counts from 1 within the job and is the SSE id."""

    index: int
    job: str
    event: str
    time: datetime
    data: dict[str, Any]
