"""The audit log of a box: events in, leaves out, and no answer without a record."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.delivery import Callback
from appliance.audit.distant import DistantScribe
from appliance.audit.event import Event, Leaf
from appliance.audit.events import audit_start, audit_unclean_stop
from appliance.audit.ledger import AuditIdentity
from appliance.audit.loop_line import LoopLine
from appliance.audit.opening import OwnScribe
from appliance.audit.reading import AuditReader
from appliance.audit.scribe import Outcome, Scribe
from appliance.audit.searches import Searches
from appliance.audit.writer import Told, Writer
from appliance.bodies.keeper import BodyKeeper, Place
from secure_compute.note import NoteKey, sign_note


class AuditLog:
    """Append-only, tamper-evident, durable before it answers. Made by `open` or `open_apart`.

    Attributes:
        told: called after each commit with how many events became durable, the seconds that took,
            and how many wait for the next one.
        searches: notes who searches the log.
    """

    def __init__(self, scribe: Scribe, window_s: float, version: str) -> None:
        self.told: Told | None = None
        self.searches = Searches(self.append, time.monotonic)
        self._scribe = scribe
        self._line: LoopLine | None = None
        self._writer = Writer(scribe, window_s, self._tell, self._connect)
        found = scribe.open()
        first = [audit_start(size=found.size, version=version)]
        if found.boot is not None and not found.clean:
            first.insert(0, audit_unclean_stop(last_boot=found.boot, last_time=found.time))
        try:
            scribe.commit(first)
            scribe.anchor()
            self._reader = scribe.reader()
        except BaseException:
            scribe.release()
            raise
        self._writer.start()

    @classmethod
    def open(  # noqa: PLR0913  # by name, and most have a default
        cls,
        db_path: Path,
        db_key: bytes,
        identity: AuditIdentity,
        *,
        clock: Callable[[], datetime],
        window_ms: float = 1.0,
        version: str = "",
        bodies: Place | None = None,
    ) -> "AuditLog":
        """Open the log, check its edge against its signed checkpoint and record the start.

        Args:
            db_path: the database file; made when absent.
            db_key: 32 bytes.
            identity: signing key and name of the log.
            clock: wall time with a time zone.
            window_ms: how long a commit waits for company under load.
            version: version of the software, for the record.
            bodies: where the bodies of events are kept; None where none are.

        Raises:
            AuditTampered: the stored log disagrees with its checkpoint.
            AuditUnavailable: it cannot be written, or another process writes it.
            DbError: it cannot be opened.
        """
        scribe = OwnScribe(db_path, db_key, identity, clock, time.monotonic)
        if bodies is not None:
            scribe.keep_bodies(BodyKeeper(bodies, clock, time.monotonic))
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
        bodies: Place | None = None,
    ) -> "AuditLog":
        """Open the log as `open` does, but write it from a process of its own.

        That is the way beside a busy event loop; that process has the machine's clock.
        """
        scribe = DistantScribe(db_path, db_key, identity, bodies)
        return cls(scribe, window_ms / 1000, version)

    @property
    def reader(self) -> AuditReader:
        """Reading the log: search, proofs, verification; safe from any thread."""
        return self._reader

    @property
    def note_key(self) -> NoteKey:
        """The public key that auditors verify checkpoints with."""
        return self._scribe.identity.note_key

    def seal(self, text: str) -> bytes:
        """A text as a note under the log's key (C2SP signed-note), for what leaves the box beside it.

        Args:
            text: ends in a newline; its first line says what it is, and is never the log's name, so
                that nothing signed here can be taken for a checkpoint.
        """
        identity = self._scribe.identity
        if text.partition("\n")[0] == identity.origin:
            raise ValueError(text)
        return sign_note(text, identity.origin, identity.signing_key).to_bytes()

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded."""
        return self._writer.healthy

    def attach(self) -> None:
        """Give the running loop a line of its own to the writing process, where there is one."""
        if isinstance(self._scribe, DistantScribe):
            self._line = LoopLine(asyncio.get_running_loop(), self._writer.suffer, self._tell)
            self._connect()

    def submit_nowait(self, event: Event, callback: Callback) -> None:
        """Queue an event from inside an asyncio loop; the cheap way for the hot path.

        Args:
            event: what happened.
            callback: called in the loop once the event is durable, with its leaf, or with the error
                when it is not and will not be.

        Raises:
            AuditUnavailable: the log is closed or hopelessly behind; the callback is not called.
        """
        line, loop = self._line, asyncio.get_running_loop()
        if line is None or line.loop is not loop or not line.put(event, callback):
            self._writer.put((event, callback, loop))

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

        self._writer.put((event, settle, None))
        return future

    def prune(self, archive: ArchiveRow) -> None:
        """Let the entries of an archive leave the database; blocks until they are no longer its own.

        Raises:
            DbError: they are still there.
            AuditUnavailable: the log is closed.
        """
        self._writer.ask(lambda scribe: scribe.prune(archive)).result()

    def close(self, reason: str = "stop") -> None:
        """Record what waits, then the stop, and close the database. Doing it twice is fine."""
        if self._writer.close(reason):
            self._drain_line()
        self._writer.join()
        self._reader.close()

    def _drain_line(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        done = threading.Event()

        def end() -> None:
            line.drain()
            line.close()
            done.set()

        if line.thread != threading.get_ident() and line.loop.is_running():
            line.loop.call_soon_threadsafe(end)
            done.wait()
        else:
            end()

    def _connect(self) -> None:
        """Hand the loop the line of the present writing process."""
        line = self._line
        if line is not None and isinstance(self._scribe, DistantScribe):
            fresh = self._scribe.second_line()
            if fresh is not None:
                line.loop.call_soon_threadsafe(line.use, fresh)

    def _tell(self, events: int, seconds: float, waiting: int) -> None:
        if self.told is not None:
            self.told(events, seconds, waiting)
