"""Opening the log's files: one writing process, the tree restored and checked, readers beside it."""

import fcntl
import os
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.audit.anchor import Anchor
from appliance.audit.ledger import AuditIdentity, Ledger, restore
from appliance.audit.reading import AuditReader
from appliance.audit.store import AuditWriter, Head
from appliance.audit.timekeeper import Timekeeper
from appliance.errors import AuditUnavailable

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id(file: Path = _BOOT_ID) -> str:
    """The id that the kernel gave to this boot; empty where there is none."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class LedgerOpener:
    """Opens and reopens the ledger of one log.

    Args:
        path: the database file.
        key: 32 bytes.
        identity: signing key and name of the log.
        clock: wall time with a time zone.
        monotonic: seconds that no one can set.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        identity: AuditIdentity,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.identity = identity
        self._path = path
        self._key = key
        self._clock = clock
        self._monotonic = monotonic
        self._writer: AuditWriter | None = None
        self._lock: int | None = None
        self._anchor = Anchor(path.with_name(path.name + ".anchor"), identity.note_key)

    def open(self) -> tuple[Ledger, Head | None]:
        """Take the lock and open the ledger.

        Returns:
            The ledger, and the head as the last process left it.

        Raises:
            AuditTampered: the stored log disagrees with its checkpoint.
            AuditUnavailable: another process writes this log.
            DbError: the database cannot be opened.
        """
        self._take_lock()
        try:
            ledger, head = self._open_ledger()
            with closing(self.reader()) as reader:
                self._anchor.check(reader, ledger.size)
        except BaseException:
            self.release()
            raise
        return ledger, head

    def reopen(self) -> tuple[Ledger, Head | None]:
        """Open the ledger again after a failed commit, from what the disk kept."""
        self._close_writer()
        return self._open_ledger()

    def reader(self) -> AuditReader:
        """A reader with a connection of its own."""
        return AuditReader(self._path, self._key, self.identity.note_key)

    def anchor(self) -> None:
        """Remember, outside the database, how far the log has come.

        A full disk is no reason to stop: then the older anchor stays.
        """
        head = self._writer.rows.head() if self._writer is not None else None
        if head is not None:
            with suppress(OSError):
                self._anchor.drop(head.note)

    def release(self) -> None:
        """Close the database and let other processes write."""
        try:
            self._close_writer()
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                os.close(lock)

    def _open_ledger(self) -> tuple[Ledger, Head | None]:
        self._writer = AuditWriter(self._path, self._key, self._clock)
        stored = restore(self._writer.rows, self.identity.note_key)
        head = stored.head
        timekeeper = Timekeeper(self._clock, self._monotonic, head.time if head else 0)
        return Ledger(self._writer, self.identity, timekeeper, boot_id(), stored), head

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _take_lock(self) -> None:
        # A second writer would fork the tree; the kernel drops this lock however the process ends.
        name = self._path.with_name(self._path.name + ".lock")
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise AuditUnavailable(reason="另一个进程正在写入 another process writes it") from error
        self._lock = lock
