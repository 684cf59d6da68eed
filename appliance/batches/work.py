"""The work on one batch: judge its lines, ask them one by one, write down what came of each."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.access.grants import Grant
from appliance.audit import events_files as events
from appliance.audit.event import Event
from appliance.batches.files import FileService
from appliance.batches.gateway import Ask, Keys, Told
from appliance.batches.lines import Line, Open, judge_lines, read_line, read_lines
from appliance.batches.results import Results, error_id, journals, output_id
from appliance.batches.shape import (
    RESTING,
    Batch,
    BatchFault,
    BatchStatus,
    Json,
)
from appliance.batches.store import BatchStore
from appliance.errors import ApplianceError
from appliance.jobs.job import Job, JobKind, Tell

KIND: Final = "batch"
_AGAIN: Final = frozenset({429, 502, 503, 504})
_FAULTY: Final = frozenset({502, 504})
_MOST_FAULTY: Final = 3
_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0
_KEEP_S: Final = 30 * 86_400.0
_AUDIT_TIMEOUT_S: Final = 30.0
_EXPIRED: Final = ("batch_expired", "批处理已到期 the completion window is over")
_REFUSED: Final = BatchFault(
    "access.refused", "密钥已失效 the key that made the batch is revoked or has expired"
)


class Audit(Protocol):
    """The part of the audit log that batches need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Halt(Exception):
    """No further line is asked; carries the status that the batch moves to."""

    def __init__(self, status: BatchStatus, fault: BatchFault | None = None) -> None:
        super().__init__(status.value)
        self.status = status
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Ground:
    """What work on batches stands on."""

    store: BatchStore
    files: FileService
    audit: Audit
    keys: Keys
    clock: Callable[[], float]
    width: int = 1


class BatchWork:
    """Runs batches as jobs inside the box.

    Nothing is asked before `open`: jobs start with the box, its gateway a moment later.

    Args:
        ground: What it stands on.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._gateway: Ask | None = None
        self._opened = asyncio.Event()

    def open(self, gateway: Ask) -> None:
        """Give it the gateway to ask."""
        self._gateway = gateway
        self._opened.set()

    @property
    def gateway(self) -> Ask | None:
        """The gateway, once there is one."""
        return self._gateway

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`."""
        return JobKind(
            name=KIND,
            argv=lambda _job, _directory: (),
            resumable=True,
            resource="batches",
            priority=90,
            task=self.run,
        )

    async def run(self, job: Job, directory: Path, tell: Tell) -> Json:
        """Work on a batch until it rests; taken up again, it goes on after its last durable line."""
        await self._opened.wait()
        if self._gateway is None:
            raise asyncio.CancelledError
        run = _Run(self._ground, self._gateway, str(job.spec["batch"]), directory, tell)
        return await run.run()


class _Run:
    """One batch under way; owns the batch's state until it rests."""

    def __init__(
        self, ground: Ground, gateway: Ask, batch_id: str, directory: Path, tell: Tell
    ) -> None:
        self._ground = ground
        self._gateway = gateway
        self._id = batch_id
        self._directory = directory
        self._tell = tell
        self._results: Results | None = None
        self._halt: Halt | None = None

    async def run(self) -> Json:
        """Work on it until it rests; a fault of the box ends it with what was done so far."""
        try:
            return _outcome(await self._run())
        except ApplianceError as error:
            fault = BatchFault(error.code, error.sentence)
            return _outcome(await self._finish(None, Halt(BatchStatus.FAILED, fault)))
        finally:
            if self._results is not None:
                self._results.close()

    async def _run(self) -> Batch:
        batch = await asyncio.to_thread(self._ground.store.get, None, self._id)
        if batch.status in RESTING:
            return batch
        if batch.ending is not None:
            return await asyncio.to_thread(self._close)
        file = await asyncio.to_thread(self._ground.files.get, batch.owner, batch.input_file)
        source = partial(self._ground.files.open, file)
        if batch.status is BatchStatus.VALIDATING:
            judged = await asyncio.to_thread(
                judge_lines, source, batch.endpoint, self._gateway.judge
            )
            batch = await asyncio.to_thread(self._judged, *judged)
        if batch.faults:
            return await self._finish(source, Halt(BatchStatus.FAILED))
        if batch.status is BatchStatus.IN_PROGRESS:
            self._results = await asyncio.to_thread(self._found)
            lines = _open_lines(source, batch.endpoint, self._results)
            async with asyncio.TaskGroup() as group:
                for _ in range(self._ground.width):
                    group.create_task(self._ask_some(batch, lines))
        return await self._finish(source, self._halt or Halt(BatchStatus.COMPLETED))

    def _found(self) -> Results:
        return Results(self._directory, self._id, self._ground.files.growing)

    def _judged(self, count: int, faults: tuple[BatchFault, ...]) -> Batch:
        def judged(batch: Batch) -> Batch:
            batch = replace(batch, total=count, faults=faults)
            if faults or batch.status is not BatchStatus.VALIDATING:
                return batch
            return self._at(batch, BatchStatus.IN_PROGRESS)

        return self._ground.store.change(self._id, judged)

    async def _ask_some(self, batch: Batch, lines: Iterator[Line]) -> None:
        results = self._results
        if results is None:
            return
        for line in lines:
            try:
                told = await self._ask(batch, line)
            except Halt as halt:
                self._halt = self._halt or halt
                return
            await asyncio.to_thread(self._note, results, line, told)
            done = {"completed": len(results.completed), "failed": len(results.failed)}
            await self._tell({**done, "total": batch.total})
            if self._halt is not None:
                return

    async def _ask(self, batch: Batch, line: Line) -> Told:
        """Ask until there is an answer that asking again would not change. Raises Halt."""
        faulty = 0
        while True:
            grant = await asyncio.to_thread(self._grant, batch)
            told = await self._gateway.ask(grant, batch.endpoint, line.body)
            faulty += told.status in _FAULTY
            if told.status not in _AGAIN or faulty > _MOST_FAULTY:
                return told
            await asyncio.sleep(min(told.retry_after_s or _PAUSE_S, _LONGEST_PAUSE_S))

    def _grant(self, batch: Batch) -> Grant:
        """What the key may do right now. Raises Halt when nothing more may be asked."""
        now = self._ground.store.get(None, batch.id)
        if now.status is BatchStatus.CANCELLING:
            raise Halt(BatchStatus.CANCELLED)
        if self._ground.clock() >= batch.expires:
            raise Halt(BatchStatus.EXPIRED)
        keys = self._ground.keys
        grant = keys.local_grant() if batch.key_id is None else keys.grant_of_key(batch.key_id)
        if grant is None:
            raise Halt(BatchStatus.FAILED, _REFUSED)
        return grant

    def _note(self, results: Results, line: Line, told: Told) -> None:
        results.answered(line, told)

        def counted(batch: Batch) -> Batch:
            return replace(
                batch,
                completed=len(results.completed),
                failed=len(results.failed),
                prompt_tokens=batch.prompt_tokens + told.prompt_tokens,
                completion_tokens=batch.completion_tokens + told.completion_tokens,
            )

        self._ground.store.change(self._id, counted)

    async def _finish(self, source: Open | None, halt: Halt) -> Batch:
        return await asyncio.to_thread(self._decide, source, halt)

    def _decide(self, source: Open | None, halt: Halt) -> Batch:
        """Decide how it ends; from here on a stop of the box changes nothing any more."""
        results = self._results = self._results or self._found()
        if halt.status is BatchStatus.EXPIRED and source is not None:
            endpoint = self._ground.store.get(None, self._id).endpoint
            for line in _open_lines(source, endpoint, results):
                results.given_up(line, *_EXPIRED)

        def decided(batch: Batch) -> Batch:
            cancelled = batch.status is BatchStatus.CANCELLING
            ending = BatchStatus.CANCELLED if cancelled else halt.status
            if batch.status is BatchStatus.IN_PROGRESS:
                batch = self._at(batch, BatchStatus.FINALIZING)
            return replace(
                batch,
                ending=ending,
                completed=len(results.completed),
                failed=len(results.failed),
                output_file=output_id(self._id) if results.completed else None,
                error_file=error_id(self._id) if results.failed else None,
                faults=(halt.fault,) if halt.fault is not None else batch.faults,
            )

        self._ground.store.change(self._id, decided)
        return self._close()

    def _close(self) -> Batch:
        """Make the files and come to rest; doing it twice is fine."""
        batch, files = self._ground.store.get(None, self._id), self._ground.files
        grown = journals(self._directory, self._id, files.growing)
        for file_id, journal in zip((batch.output_file, batch.error_file), grown, strict=True):
            if file_id is not None and journal.path.exists():
                told = f"{batch.id}_{journal.path.stem}.jsonl"
                files.adopt(journal.lines(), file_id, batch.owner, told, _KEEP_S)
            journal.drop()
            journal.close()
        ending = batch.ending or BatchStatus.FAILED
        event = events.batch_change(
            "finish",
            batch.owner,
            batch_id=batch.id,
            endpoint=batch.endpoint,
            status=ending.value,
            lines=batch.total,
        )
        self._ground.audit.append(event).result(_AUDIT_TIMEOUT_S)
        return self._ground.store.change(self._id, lambda batch: self._at(batch, ending))

    def _at(self, batch: Batch, status: BatchStatus) -> Batch:
        times = {**batch.times, status.value: self._ground.clock()}
        return replace(batch, status=status, times=times)


def _open_lines(source: Open, endpoint: str, results: Results) -> Iterator[Line]:
    """The lines that have no result yet."""
    for number, raw in read_lines(source):
        line = read_line(number, raw, endpoint)
        if not results.has(line.custom_id):
            yield line


def _outcome(batch: Batch) -> Json:
    return {
        "batch": batch.id,
        "status": batch.status.value,
        "completed": batch.completed,
        "failed": batch.failed,
    }
