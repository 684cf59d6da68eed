"""Batches: many requests in one file, answered when nobody else needs the engines."""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from appliance.access.grants import Grant
from appliance.audit import events_files as events
from appliance.batches.errors import BatchKeyNeeded, BatchOver, BatchRefused
from appliance.batches.files import FileService
from appliance.batches.gateway import Ask
from appliance.batches.shape import RESTING, Batch, BatchFault, BatchStatus, Json
from appliance.batches.store import BatchStore
from appliance.batches.work import KIND, Audit, BatchWork
from appliance.jobs.job import Job, JobState

_WINDOW: Final = re.compile(r"([1-9][0-9]{0,2})(h|d)")
_UNITS: Final = {"h": 3600, "d": 86_400}
_LONGEST_S: Final = 7 * 86_400
_AUDIT_TIMEOUT_S: Final = 30.0
_LOCAL: Final = "local:console"
_CANCELLABLE: Final = frozenset({BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS})
_JOB_ENDS: Final = {JobState.CANCELLED: BatchStatus.CANCELLED, JobState.FAILED: BatchStatus.FAILED}


class Jobs(Protocol):
    """The part of the jobs room that batches need; `JobService`."""

    def get(self, job_id: str) -> Job:
        """Return a job."""
        ...

    async def submit(self, kind: str, spec: Json, actor: str) -> Job:
        """Queue a job."""
        ...

    async def cancel(self, job_id: str, actor: str) -> Job:
        """Cancel a job."""
        ...


@dataclass(frozen=True, slots=True)
class BatchWish:
    """What a caller wants done: a file of lines, where they go, and how long it may take."""

    input_file: str
    endpoint: str
    window: str = "24h"
    metadata: dict[str, str] | None = None


class BatchService:
    """The batches of one box, each seen by its owner alone.

    Args:
        store: Batches.
        files: Files.
        work: The work on them, whose kind `jobs` runs.
        jobs: The jobs room.
        audit: The audit log.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        store: BatchStore,
        files: FileService,
        work: BatchWork,
        jobs: Jobs,
        audit: Audit,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._files = files
        self._work = work
        self._jobs = jobs
        self._audit = audit
        self._clock = clock

    def open(self, gateway: Ask) -> None:
        """Give the work the gateway to ask; what was queued goes on from here."""
        self._work.open(gateway)

    async def create(self, wish: BatchWish, by: Grant) -> Batch:
        """Queue a batch.

        Raises:
            BatchRefused: Its endpoint, window or file's purpose cannot be.
            BatchKeyNeeded: A person's session made it.
            FileUnknown: There is no such file of this caller.
        """
        if by.key_id is None and by.actor != _LOCAL:
            raise BatchKeyNeeded
        batch = await asyncio.to_thread(self._begun, wish, by)
        job = await self._jobs.submit(KIND, {"batch": batch.id}, by.actor)
        return await asyncio.to_thread(self._bound, batch.id, job.id)

    async def get(self, owner: str, batch_id: str) -> Batch:
        """Return a batch. Raises BatchUnknown."""
        return await asyncio.to_thread(self._current, owner, batch_id)

    async def newest(self, owner: str, limit: int = 20, after: str = "") -> list[Batch]:
        """Return batches, newest first. Raises BatchUnknown where there is no batch `after`."""
        return await asyncio.to_thread(self._store.newest, owner, limit, after)

    async def cancel(self, owner: str, batch_id: str, actor: str) -> Batch:
        """Ask for the end of a batch: lines under way are answered, the rest is not asked.

        Raises:
            BatchUnknown, BatchOver.
        """
        batch = await asyncio.to_thread(self._cancelling, owner, batch_id, actor)
        if batch.job_id is not None and BatchStatus.IN_PROGRESS.value not in batch.times:
            job = await asyncio.to_thread(self._jobs.get, batch.job_id)
            if job.state is JobState.QUEUED:
                # Nothing was asked yet, so no job has to write down what was answered.
                await self._jobs.cancel(job.id, actor)
        return await asyncio.to_thread(self._current, owner, batch_id)

    # Inside -------------------------------------------------------------------------------------

    def _begun(self, wish: BatchWish, by: Grant) -> Batch:
        gateway = self._work.gateway
        known = gateway.paths() if gateway is not None else frozenset()
        if wish.endpoint not in known:
            told = ", ".join(sorted(known))
            raise BatchRefused(
                field="endpoint", reason_zh=f"可用 {told}", reason_en=f"one of {told}"
            )
        file = self._files.get(by.actor, wish.input_file)
        if file.purpose != "batch":
            reason = "its purpose must be batch"
            raise BatchRefused(field="input_file_id", reason_zh="用途须为 batch", reason_en=reason)
        batch = Batch(
            id=f"batch_{secrets.token_hex(12)}",
            owner=by.actor,
            key_id=by.key_id,
            endpoint=wish.endpoint,
            input_file=file.id,
            window_s=window_s(wish.window),
            created=self._clock(),
            metadata=wish.metadata,
        )
        self._record("create", batch, by.actor)
        return self._store.put(batch)

    def _bound(self, batch_id: str, job_id: str) -> Batch:
        return self._store.change(batch_id, lambda batch: replace(batch, job_id=job_id))

    def _cancelling(self, owner: str, batch_id: str, actor: str) -> Batch:
        batch = self._current(owner, batch_id)
        if batch.status is BatchStatus.CANCELLING:
            return batch
        if batch.status not in _CANCELLABLE:
            raise BatchOver(batch_id=batch_id, status=batch.status.value)
        self._record("cancel", batch, actor)

        def moved(now: Batch) -> Batch:
            # It may have come to rest meanwhile; what is over is not cancelled.
            return self._at(now, BatchStatus.CANCELLING) if now.status in _CANCELLABLE else now

        return self._store.change(batch_id, moved)

    def _current(self, owner: str, batch_id: str) -> Batch:
        """The batch; one whose job has ended without it ends as its job did."""
        batch = self._store.get(owner, batch_id)
        if batch.status in RESTING or batch.job_id is None:
            return batch
        job = self._jobs.get(batch.job_id)
        ended = _JOB_ENDS.get(job.state)
        if ended is None:
            return batch
        fault = job.fault
        faults = batch.faults if fault is None else (BatchFault(fault.code, fault.sentence),)
        return self._store.change(
            batch_id,
            lambda now: (
                now if now.status in RESTING else self._at(replace(now, faults=faults), ended)
            ),
        )

    def _at(self, batch: Batch, status: BatchStatus) -> Batch:
        times = {**batch.times, status.value: self._clock()}
        return replace(batch, status=status, times=times)

    def _record(self, action: Literal["create", "cancel"], batch: Batch, actor: str) -> None:
        event = events.batch_change(
            action,
            actor,
            batch_id=batch.id,
            endpoint=batch.endpoint,
            status=batch.status.value,
            lines=batch.total,
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def window_s(window: str) -> int:
    """A completion window ("24h", "3d") in seconds. Raises BatchRefused."""
    named = _WINDOW.fullmatch(window)
    seconds = int(named.group(1)) * _UNITS[named.group(2)] if named else 0
    if not 0 < seconds <= _LONGEST_S:
        zh, en = "须为 1h 至 7d", "it must be between 1h and 7d"
        raise BatchRefused(field="completion_window", reason_zh=zh, reason_en=en)
    return seconds
