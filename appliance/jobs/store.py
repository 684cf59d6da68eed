"""The SQL of the jobs room: jobs, and the bounded list of what happened to each."""

import json
from dataclasses import asdict
from typing import Any, Final

from sqlite_utils import Database

from appliance.db.connection import Connection
from appliance.db.database import Db
from appliance.jobs.errors import JobMove, JobUnknown
from appliance.jobs.job import Fault, Job, JobEvent, JobState, Json, may_move

MAX_EVENTS: Final = 4000
"""Progress events kept per job; the oldest go first, moves are kept for ever."""


class JobStore:
    """Rows of the jobs room. Every call is synchronous and one transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, job: Job) -> None:
        """Insert a queued job with its first event."""
        with self._db.write() as tx:
            row = asdict(job) | {"spec": json.dumps(job.spec), "state": job.state.value}
            tx.table("jobs").insert(row)
            _append(tx, job.id, job.state.value, job.created, {})

    def get(self, job_id: str) -> Job:
        """Return a job. Raises JobUnknown."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM jobs WHERE id = ?", [job_id]))
        if not rows:
            raise JobUnknown(job_id=job_id[:64])
        return _job(rows[0])

    def newest(self, limit: int, kind: str | None) -> list[Job]:
        """Return jobs, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM jobs WHERE ? IS NULL OR kind = ?"
                    " ORDER BY created DESC, rowid DESC LIMIT ?",
                    [kind, kind, limit],
                )
            )
        return [_job(row) for row in rows]

    def in_state(self, state: JobState) -> list[Job]:
        """Return the jobs in a state, oldest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM jobs WHERE state = ? ORDER BY created, rowid", [state.value]
                )
            )
        return [_job(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many jobs stand in each state."""
        with self._db.read() as db:
            rows = list(db.query("SELECT state, count(*) AS n FROM jobs GROUP BY state"))
        return {state.value: 0 for state in JobState} | {row["state"]: row["n"] for row in rows}

    def move(self, job_id: str, after: JobState, at: float, changes: Json | None = None) -> Job:
        """Move a job to a state and append the event of it, in one transaction.

        Args:
            job_id: The job.
            after: The state to move to.
            at: Unix time in seconds.
            changes: "result" or "fault" (JSON objects) that come with the move.

        Raises:
            JobUnknown: There is no such job.
            JobMove: The table of moves does not hold this one.
        """
        changes = changes or {}
        with self._db.write() as tx:
            job = self.get(job_id)
            if not may_move(job.state, after):
                raise JobMove(job_id=job_id, state=job.state.value, move=after.value)
            running = after is JobState.RUNNING
            rests = after not in (JobState.RUNNING, JobState.QUEUED)
            tx.execute(
                "UPDATE jobs SET state = ?, started = coalesce(?, started), finished = ?,"
                " attempts = attempts + ?, result = ?, fault = ? WHERE id = ?",
                [
                    after.value,
                    at if running else None,
                    at if rests else None,
                    int(running),
                    _text(changes.get("result")),
                    _text(changes.get("fault")),
                    job_id,
                ],
            )
            _append(tx, job_id, after.value, at, changes)
            return self.get(job_id)

    def progress(self, job_id: str, at: float, data: Json) -> None:
        """Store a worker's report as the job's progress and as an event."""
        text = json.dumps(data)
        with self._db.write() as tx:
            tx.execute("UPDATE jobs SET progress = ? WHERE id = ?", [text, job_id])
            number = _append(tx, job_id, "progress", at, data)
            if number > MAX_EVENTS:
                tx.execute(
                    "DELETE FROM job_events WHERE job_id = ? AND event = 'progress' AND id <= ?",
                    [job_id, number - MAX_EVENTS],
                )

    def events(self, job_id: str, after: int, limit: int) -> list[JobEvent]:
        """Return the events of a job whose id is above `after`, in order."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM job_events WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?",
                    [job_id, after, limit],
                )
            )
        return [JobEvent(**{**row, "data": json.loads(row["data"])}) for row in rows]

    def events_before(self, job_id: str, before: int | None, limit: int) -> list[JobEvent]:
        """Return the events of a job whose id is below `before`, the newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM job_events WHERE job_id = ? AND (? IS NULL OR id < ?)"
                    " ORDER BY id DESC LIMIT ?",
                    [job_id, before, before, limit],
                )
            )
        return [JobEvent(**{**row, "data": json.loads(row["data"])}) for row in rows]

    def prune(self, before: float) -> list[str]:
        """Delete jobs that came to rest before `before`; return their ids."""
        with self._db.write() as tx:
            rows = list(
                tx.query(
                    "SELECT id FROM jobs WHERE finished < ?"
                    " AND state IN ('done', 'failed', 'cancelled')",
                    [before],
                )
            )
            for row in rows:
                tx.execute("DELETE FROM jobs WHERE id = ?", [row["id"]])
        return [row["id"] for row in rows]


def give_up(connection: Connection, kind: str, at: float, fault: Json) -> int:
    """Fail every job of a kind that has not come to rest, in a database that no box has open.

    Args:
        connection: to the database; one that never had jobs will do.
        kind: of the jobs.
        at: Unix time in seconds.
        fault: "code", "sentence" and "way_out".

    Returns:
        How many they were.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
        return 0
    tx = Database(connection)
    rows = list(
        tx.query(
            "SELECT id FROM jobs WHERE kind = ? AND state IN ('queued', 'running', 'interrupted')",
            [kind],
        )
    )
    with tx.atomic():
        for row in rows:
            tx.execute(
                "UPDATE jobs SET state = 'failed', finished = ?, fault = ? WHERE id = ?",
                [at, json.dumps(fault), row["id"]],
            )
            _append(tx, row["id"], "failed", at, {"fault": fault})
    return len(rows)


def _append(tx: Database, job_id: str, event: str, at: float, data: Json) -> int:
    rows = list(
        tx.query("SELECT coalesce(max(id), 0) AS n FROM job_events WHERE job_id = ?", [job_id])
    )
    number = int(rows[0]["n"]) + 1
    tx.execute(
        "INSERT INTO job_events (job_id, id, event, time, data) VALUES (?, ?, ?, ?, ?)",
        [job_id, number, event, at, json.dumps(data)],
    )
    return number


def _text(value: Json | None) -> str | None:
    return None if value is None else json.dumps(value)


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _job(row: Json) -> Job:
    fault = _parsed(row["fault"])
    return Job(
        **row
        | {
            "state": JobState(row["state"]),
            "spec": json.loads(row["spec"]),
            "progress": _parsed(row["progress"]),
            "result": _parsed(row["result"]),
            "fault": None if fault is None else Fault(**fault),
            "resumable": bool(row["resumable"]),
        }
    )
