"""A database held still while it is read raw: its encrypted pages, as of one moment."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.audit.store import AuditRows, Head
from appliance.backup.chunking import PAGES
from appliance.db.connection import Connection, open_connection, told

WAL: Final = "-wal"
_WAL_HEAD: Final = 32


class FrozenDatabase:
    """A reading transaction on a live database, and its files beside it.

    Pages stay as SQLCipher wrote them, so what has not changed is found again as it was, and no
    plaintext touches a disk. While the transaction lasts SQLite neither starts the write-ahead log
    anew nor moves pages from beyond it into the file (walformat, "reader marks"), so file and log
    together are a state of the database, at this moment or a little later. Writers are not hindered.

    Must not be used in a process that has the database open otherwise: closing a raw file drops
    every POSIX lock that the process holds on it.

    Args:
        path: the database file.
        key: 32 bytes.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._connection: Connection | None = None
        self._handles: list[int] = []

    def __enter__(self) -> Self:
        self._connection = open_connection(self._path, self._key, read_only=True)
        with told(self._path):
            self._connection.execute("BEGIN")
            # A transaction sees the database from its first read on.
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._handles.append(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        with suppress(FileNotFoundError):
            wal = self._path.with_name(self._path.name + WAL)
            self._handles.append(os.open(wal, os.O_RDONLY | os.O_CLOEXEC))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let the database go on; doing it twice is fine."""
        # Before the raw files: closing those drops the connection's locks on them.
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for handle in self._handles:
            os.close(handle)
        self._handles.clear()

    def audit_head(self) -> Head | None:
        """The signed state of an audit log, as this transaction sees it."""
        return AuditRows(self._path, self._connection).head()

    def stamps(self) -> tuple[os.stat_result, ...]:
        """What the file system tells of file and log."""
        return tuple(os.fstat(handle) for handle in self._handles)

    def pages(self) -> Iterator[bytes]:
        """The database file, in blocks."""
        yield from _blocks(self._handles[0])

    def log(self) -> list[bytes]:
        """The write-ahead log; read it after `pages`. Empty when it is not needed.

        Should a writer begin the log anew meanwhile, it could do so because every page had been
        moved into the file before this transaction began: then the file is all there is.
        """
        if len(self._handles) == 1:
            return []
        found = list(_blocks(self._handles[1]))
        after = os.pread(self._handles[1], _WAL_HEAD, 0)
        return found if found and found[0][:_WAL_HEAD] == after else []


def _blocks(handle: int) -> Iterator[bytes]:
    at = 0
    while block := os.pread(handle, PAGES, at):
        # A short read in the middle would shift every block after it.
        while len(block) < PAGES and (
            more := os.pread(handle, PAGES - len(block), at + len(block))
        ):
            block += more
        yield block
        at += len(block)
