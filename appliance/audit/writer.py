"""The writer of the log: a queue, one thread, group commit, and what happens when the disk refuses."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from appliance.audit.delivery import Waiting, deliver, refuse
from appliance.audit.event import Event
from appliance.audit.events import audit_gap, audit_stop
from appliance.audit.scribe import Outcome, Scribe
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.errors import SecureComputeError

MAX_WAITING: Final = 100_000
"""Events that may wait for the writer; beyond it new ones are refused at once."""

MAX_BATCH: Final = 4096
MAX_BYTES: Final = 16 << 20
"""Bytes of bodies that go into one commit, unless a single one is longer: memory has a bound."""
_RETRY_S: Final = 1.0
_QUIET_S: Final = 0.05
"""How long nobody has come when the log looks after itself."""

Told = Callable[[int, float, int], None]


@dataclass(slots=True)
class _Trouble:
    """What the log refused since it could last write."""

    refused: int = 0
    reason: str = ""


class Writer:
    """Takes events from any thread and has a scribe write them down.

    Args:
        scribe: writes; already open.
        window_s: how long a commit waits for company under load.
        told: called after each commit with events, seconds and how many wait.
        reopened: called once the scribe has begun again after a failure.
    """

    def __init__(
        self, scribe: Scribe, window_s: float, told: Told, reopened: Callable[[], None]
    ) -> None:
        self._scribe = scribe
        self._window = window_s
        self._told = told
        self._reopened = reopened
        self._queue: deque[Waiting] = deque()
        self._jobs: deque[tuple[Callable[[Scribe], None], Future[None]]] = deque()
        self._wake = threading.Event()
        self._batch: list[Waiting] = []
        self._idle = False
        self._tending = True
        self._finished = False
        self._closing: str | None = None
        self._trouble = _Trouble()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded."""
        return self._trouble.refused == 0 and self._closing is None

    @property
    def closing(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closing is not None

    def start(self) -> None:
        """Begin to write what is put."""
        self._thread.start()

    def put(self, waiting: Waiting) -> None:
        """Queue an event. Raises AuditUnavailable when the log is closed or hopelessly behind."""
        if self._closing is not None:
            raise AuditUnavailable(reason="已关闭 closed")
        require_room(len(self._queue))
        self._queue.append(waiting)
        # The writer announces that it sleeps before it looks at the queue a last time, so either
        # it sees this event or this thread sees the announcement.
        if self._idle:
            self._wake.set()
        if self._finished:
            self._refuse_queue()

    def ask(self, job: Callable[[Scribe], None]) -> "Future[None]":
        """Have the scribe do something else than write events, between two commits.

        Raises:
            AuditUnavailable: the log is closed.
        """
        done: Future[None] = Future()
        if self._closing is not None:
            raise AuditUnavailable(reason="已关闭 closed")
        self._jobs.append((job, done))
        self._wake.set()
        if self._finished:
            self._refuse_jobs()
        return done

    def suffer(self, refused: int, reason: str) -> None:
        """Another line of the scribe refused events: begin again from the disk, on the record."""
        self._trouble = _Trouble(self._trouble.refused + max(1, refused), reason)
        self._wake.set()

    def close(self, reason: str) -> bool:
        """Take nothing more; False when that was said before."""
        first = self._closing is None
        self._closing = self._closing or reason
        return first

    def join(self) -> None:
        """Wait until all is written and the database closed."""
        self._wake.set()
        self._thread.join()

    def _do_jobs(self) -> None:
        while self._jobs:
            job, done = self._jobs.popleft()
            try:
                job(self._scribe)
            except (ApplianceError, SecureComputeError) as error:
                done.set_exception(error)
            else:
                done.set_result(None)

    def _refuse_jobs(self) -> None:
        with suppress(IndexError):
            while True:
                self._jobs.popleft()[1].set_exception(AuditUnavailable(reason="已关闭 closed"))

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
            self._refuse_jobs()
            self._scribe.release()

    def _serve(self) -> None:
        crowd = 0
        while True:
            self._do_jobs()
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
            self._take()
            crowd = len(self._batch)
            self._settle(self._batch)
            self._batch = []
            self._tending = True

    def _take(self) -> None:
        """The next commit: as many as wait, within its bounds."""
        total = 0
        while self._queue and len(self._batch) < MAX_BATCH:
            body = self._queue[0][0].body
            if body is not None:
                total += sum(map(len, filter(None, body.texts)))
                if total > MAX_BYTES and self._batch:
                    return
            self._batch.append(self._queue.popleft())

    def _sleep(self) -> None:
        self._wake.clear()
        self._idle = True
        if not (self._queue or self._jobs) and self._closing is None:
            quiet = not self._wake.wait(self._patience())
            if quiet and not self._trouble.refused:
                self._tending = self._scribe.tend()
        self._idle = False

    def _patience(self) -> float | None:
        """Seconds to sleep, unless somebody comes."""
        # After a failure the log tries by itself, so that a quiet box is healthy again soon.
        if self._trouble.refused:
            return _RETRY_S
        return _QUIET_S if self._tending else None

    def _settle(self, batch: list[Waiting]) -> None:
        begun = time.monotonic()
        try:
            outcomes = self._commit([event for event, _, _ in batch])
            self._told(len(batch), time.monotonic() - begun, len(self._queue))
        except (ApplianceError, SecureComputeError) as error:
            self._trouble.refused += len(batch)
            self._trouble.reason = error.sentence
            refusal = AuditUnavailable(reason=error.sentence)
            outcomes = [refusal] * len(batch)
        deliver(batch, outcomes)

    def _commit(self, events: list[Event]) -> list[Outcome]:
        trouble = self._trouble
        if not trouble.refused:
            return self._scribe.commit(events)
        # What memory holds may differ from what the disk kept: begin again from the disk.
        self._scribe.reopen()
        gap = audit_gap(refused=trouble.refused, reason=trouble.reason)
        outcomes = self._scribe.commit([gap, *events])[1:]
        self._trouble = _Trouble()
        self._reopened()
        return outcomes

    def _finish(self) -> None:
        try:
            self._scribe.commit([audit_stop(reason=self._closing or "")], clean=True)
            self._scribe.anchor()
        except (ApplianceError, SecureComputeError):
            # Then the next start records an unclean stop, which is the truth.
            self._trouble.refused += 1


def require_room(waiting: int) -> None:
    """Pass while more events may wait. Raises AuditUnavailable."""
    if waiting >= MAX_WAITING:
        raise AuditUnavailable(reason="等待写入的记录过多 too many events wait")
