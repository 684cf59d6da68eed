"""The audit log: a queue, one writer thread, group commit, and no answer without a record."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.audit.delivery import Callback, Waiting, deliver, refuse
from appliance.audit.distant import DistantScribe
from appliance.audit.event import Event, Leaf
from appliance.audit.events import audit_gap, audit_start, audit_stop, audit_unclean_stop
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.reading import AuditReader
from appliance.audit.scribe import Outcome, Scribe
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.errors import SecureComputeError
from secure_compute.note import NoteKey

MAX_WAITING: Final = 100_000
"""Events that may wait for the writer; beyond it new ones are refused at once."""

MAX_BATCH: Final = 4096
_RETRY_S: Final = 1.0


@dataclass(slots=True)
class _Trouble:
    """What the log refused since it could last write."""

    refused: int = 0
    reason: str = ""


class AuditLog:
    """Append-only, tamper-evident, durable before it answers. Made by `AuditLog.open`.

    Attributes:
        told: called in the writer's thread after each commit with how many events became durable,
            the seconds that took, and how many wait for the next one.
    """

    def __init__(self, scribe: Scribe, window_s: float, version: str) -> None:
        self._scribe = scribe
        self._window = window_s
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Event()
        self._batch: list[Waiting] = []
        self._idle = False
        self._finished = False
        self._closing: str | None = None
        self.told: Callable[[int, float, int], None] | None = None
        self._trouble = _Trouble()
        found = scribe.open()
        first = [audit_start(size=found.size, version=version)]
        if found.boot is not None and not found.clean:
            first.insert(0, audit_unclean_stop(last_boot=found.boot, last_time=found.time))
        try:
            self._commit(first)
            scribe.anchor()
            self._reader = scribe.reader()
        except BaseException:
            scribe.release()
            raise
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        db_path: Path,
        db_key: bytes,
        identity: AuditIdentity,
        *,
        clock: Callable[[], datetime],
        window_ms: float = 1.0,
        version: str = "",
    ) -> "AuditLog":
        """Open the log, check its edge against its signed checkpoint and record the start.

        Args:
            db_path: the database file; made when absent.
            db_key: 32 bytes.
            identity: signing key and name of the log.
            clock: wall time with a time zone.
            window_ms: how long a commit waits for company under load.
            version: version of the software, for the record.

        Raises:
            AuditTampered: the stored log disagrees with its checkpoint.
            AuditUnavailable: it cannot be written, or another process writes it.
            DbError: it cannot be opened.
        """
        scribe = OwnScribe(db_path, db_key, identity, clock, time.monotonic)
        return cls(scribe, window_ms / 1000, version)

    @classmethod
    def open_apart(
        cls,
        db_path: Path,
        db_key: bytes,
        identity: AuditIdentity,
        *,
        window_ms: float = 1.0,
        version: str = "",
    ) -> "AuditLog":
        """Open the log as `open` does, but write it from a process of its own.

        That is the way beside a busy event loop; that process has the machine's clock.
        """
        return cls(DistantScribe(db_path, db_key, identity), window_ms / 1000, version)

    @property
    def reader(self) -> AuditReader:
        """Reading the log: search, proofs, verification; safe from any thread."""
        return self._reader

    @property
    def note_key(self) -> NoteKey:
        """The public key that auditors verify checkpoints with."""
        return self._scribe.identity.note_key

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded."""
        return self._trouble.refused == 0 and self._closing is None

    def submit_nowait(self, event: Event, callback: Callback) -> None:
        """Queue an event from inside an asyncio loop; the cheap way for the hot path.

        Args:
            event: what happened.
            callback: called in the loop once the event is durable, with its leaf, or with the error
                when it is not and will not be.

        Raises:
            AuditUnavailable: the log is closed or hopelessly behind; the callback is not called.
        """
        self._put((event, callback, asyncio.get_running_loop()))

    async def record(self, event: Event) -> Leaf:
        """Record an event and wait until it is durable.

        Raises:
            AuditUnavailable: it is not recorded: what depends on it must not happen.
        """
        waiter: asyncio.Future[Leaf] = asyncio.get_running_loop().create_future()

        def settle(outcome: Outcome) -> None:
            if waiter.done():
                return
            if isinstance(outcome, Leaf):
                waiter.set_result(outcome)
            else:
                waiter.set_exception(outcome)

        self.submit_nowait(event, settle)
        return await waiter

    def append(self, event: Event) -> "Future[Leaf]":
        """Record an event from a thread.

        Returns:
            A future that holds the leaf once the event is durable, or AuditUnavailable.
        """
        future: Future[Leaf] = Future()

        def settle(outcome: Outcome) -> None:
            if not future.set_running_or_notify_cancel():
                return
            if isinstance(outcome, Leaf):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        self._put((event, settle, None))
        return future

    def close(self, reason: str = "stop") -> None:
        """Record what waits, then the stop, and close the database. Doing it twice is fine."""
        if self._closing is None:
            self._closing = reason
            self._wake.set()
        self._thread.join()
        self._reader.close()

    def _put(self, waiting: Waiting) -> None:
        if self._closing is not None:
            raise AuditUnavailable(reason="已关闭 closed")
        if len(self._queue) >= MAX_WAITING:
            raise AuditUnavailable(reason="等待写入的记录过多 too many events wait")
        self._queue.append(waiting)
        # The writer announces that it sleeps before it looks at the queue a last time, so either
        # it sees this event or this thread sees the announcement.
        if self._idle:
            self._wake.set()
        if self._finished:
            self._refuse_queue()

    def _refuse_queue(self) -> None:
        left: list[Waiting] = []
        with suppress(IndexError):
            while True:
                left.append(self._queue.popleft())
        refuse(left)

    def _run(self) -> None:
        try:
            self._serve()
            self._finish()
        finally:
            # Should this thread ever end by a fault of its own, nobody may wait for it in vain.
            self._closing = self._closing or "fault"
            refuse(self._batch)
            self._finished = True
            self._refuse_queue()
            self._scribe.release()

    def _serve(self) -> None:
        crowd = 0
        while True:
            if not self._queue:
                if self._closing is not None:
                    break
                self._sleep()
                if not self._queue and self._trouble.refused:
                    self._settle([])
                continue
            if crowd > 1 and len(self._queue) < crowd:
                # Others were served together a moment ago and will be back in a moment.
                time.sleep(self._window)
            count = min(len(self._queue), MAX_BATCH)
            self._batch = [self._queue.popleft() for _ in range(count)]
            crowd = count
            self._settle(self._batch)
            self._batch = []

    def _sleep(self) -> None:
        self._wake.clear()
        self._idle = True
        if not self._queue and self._closing is None:
            # After a failure the log tries by itself, so that a quiet box is healthy again soon.
            self._wake.wait(_RETRY_S if self._trouble.refused else None)
        self._idle = False

    def _settle(self, batch: list[Waiting]) -> None:
        begun = time.monotonic()
        try:
            outcomes = self._commit([event for event, _, _ in batch])
            if self.told is not None:
                self.told(len(batch), time.monotonic() - begun, len(self._queue))
        except (ApplianceError, SecureComputeError) as error:
            self._trouble.refused += len(batch)
            self._trouble.reason = error.sentence
            refusal = AuditUnavailable(reason=error.sentence)
            outcomes = [refusal] * len(batch)
        deliver(batch, outcomes)

    def _commit(self, events: list[Event]) -> list[Outcome]:
        if not self._trouble.refused:
            return self._scribe.commit(events)
        # What memory holds may differ from what the disk kept: begin again from the disk.
        self._scribe.reopen()
        gap = audit_gap(refused=self._trouble.refused, reason=self._trouble.reason)
        outcomes = self._scribe.commit([gap, *events])[1:]
        self._trouble = _Trouble()
        return outcomes

    def _finish(self) -> None:
        try:
            self._scribe.commit([audit_stop(reason=self._closing or "")], clean=True)
            self._scribe.anchor()
        except (ApplianceError, SecureComputeError):
            # Then the next start records an unclean stop, which is the truth.
            self._trouble.refused += 1
