"""Opening the log's files: one writing process, the tree restored and checked, readers beside it."""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from typing_extensions import override

from appliance.audit.anchor import Anchor
from appliance.audit.bodily import Bodies
from appliance.audit.closed_store import ArchiveRow
from appliance.audit.closing import PRESSING, Closer
from appliance.audit.errors import AuditTampered
from appliance.audit.event import Event
from appliance.audit.ledger import AuditIdentity, Ledger, restore
from appliance.audit.reading import AuditReader
from appliance.audit.scribe import Outcome, Scribe, Standing
from appliance.audit.store import AuditWriter, Head
from appliance.audit.timekeeper import Timekeeper
from appliance.bodies.keeper import BodyKeeper
from appliance.db.errors import DbError
from appliance.errors import AuditUnavailable

_RETRY_S: Final = 0.05
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id(file: Path = _BOOT_ID) -> str:
    """The id that the kernel gave to this boot; empty where there is none."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class OwnScribe(Scribe):
    """Writes one log from this process.

    Args:
        path: the database file.
        key: 32 bytes.
        identity: signing key and name of the log.
        clock: wall time with a time zone.
        monotonic: seconds that no one can set.
        patience_s: how long another process may go on writing before it is in the way.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        identity: AuditIdentity,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        patience_s: float = 0,
    ) -> None:
        self._bodies = Bodies(None)
        self._identity = identity
        self._patience_s = patience_s
        self._path = path
        self._key = key
        self._clock = clock
        self._monotonic = monotonic
        self._writer: AuditWriter | None = None
        self._ledger: Ledger | None = None
        self._closer: Closer | None = None
        self._lock: int | None = None
        self._anchor = Anchor(path.with_name(path.name + ".anchor"), identity.note_key)

    def keep_bodies(self, keeper: BodyKeeper) -> None:
        """Keep the bodies of events; to be called before `open`."""
        self._bodies = Bodies(keeper)

    @property
    @override
    def identity(self) -> AuditIdentity:
        return self._identity

    @override
    def open(self) -> Standing:
        self._take_lock()
        try:
            ledger, head = self._open_ledger()
            with closing(self.reader()) as reader:
                self._anchor.check(reader, ledger.size)
        except BaseException:
            self.release()
            raise
        if head is None:
            return Standing(ledger.size, None, 0, clean=True)
        return Standing(ledger.size, head.boot, head.time, head.clean)

    @override
    def reopen(self) -> None:
        self._close_writer()
        self._open_ledger()

    @override
    def commit(self, events: Sequence[Event], *, clean: bool = False) -> list[Outcome]:
        if self._ledger is None:
            raise AuditUnavailable(reason="未打开 not open")
        told, events = self._bodies.before(events)
        try:
            outcomes = self._ledger.commit([*told, *events], clean=clean)
        finally:
            # Its disk worked beside the log's own: one wait for both.
            self._bodies.settled()
        return outcomes[len(told) :]

    @override
    def tend(self) -> bool:
        closer, ledger = self._closer, self._ledger
        if closer is None or ledger is None:
            return False
        try:
            return closer.step(ledger.size)
        except (DbError, AuditTampered):
            # A full disk, say: events come first, and what was not closed stays as it is. A commit
            # that fails begins again from the disk, and with it this.
            return False

    @override
    def prune(self, archive: ArchiveRow) -> None:
        if self._writer is None or self._closer is None:
            raise AuditUnavailable(reason="未打开 not open")
        self._writer.closing.prune(archive)
        self._closer.free()

    @property
    def pressed(self) -> bool:
        """Whether so much waits to be closed that even a busy log makes time for it."""
        closer, ledger = self._closer, self._ledger
        return closer is not None and ledger is not None and closer.waiting(ledger.size) > PRESSING

    @override
    def reader(self) -> AuditReader:
        return AuditReader(self._path, self._key, self._identity.note_key)

    @override
    def anchor(self) -> None:
        # A full disk is no reason to stop: then the older anchor stays.
        head = self._writer.rows.head() if self._writer is not None else None
        if head is not None:
            with suppress(OSError):
                self._anchor.drop(head.note)

    @override
    def release(self) -> None:
        try:
            self._close_writer()
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                os.close(lock)

    def _open_ledger(self) -> tuple[Ledger, Head | None]:
        self._writer = AuditWriter(self._path, self._key, self._clock)
        stored = restore(self._writer.rows, self._identity.note_key)
        head = stored.head
        timekeeper = Timekeeper(self._clock, self._monotonic, head.time if head else 0)
        self._ledger = Ledger(self._writer, self._identity, timekeeper, boot_id(), stored)
        self._closer = Closer(self._writer.rows, self._writer.closing)
        if head is not None and not head.clean:
            self._bodies.settle(self.reader)
        return self._ledger, head

    def _close_writer(self) -> None:
        writer, self._writer, self._ledger, self._closer = self._writer, None, None, None
        self._bodies.close()
        if writer is not None:
            writer.close()

    def _take_lock(self) -> None:
        # A second writer would fork the tree; the kernel drops this lock however the process ends.
        name = self._path.with_name(self._path.name + ".lock")
        try:
            lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            # A file system that is read-only or full, say: the box opens when it can be written.
            raise AuditUnavailable(reason=f"{name}:{error.strerror or error}") from error
        until = self._monotonic() + self._patience_s
        while not _locked(lock):
            if self._monotonic() >= until:
                os.close(lock)
                raise AuditUnavailable(reason="另一个进程正在写入 another process writes it")
            time.sleep(_RETRY_S)
        self._lock = lock


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
