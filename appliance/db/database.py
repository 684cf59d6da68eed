"""The box's database: one writer, one reader, both encrypted, safe to share between threads."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlite_utils import Database

from appliance.db.connection import Connection, open_connection, told
from appliance.db.errors import DbError
from appliance.db.migration import Migration, migrate

__all__ = ["Db", "Migration"]


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the default clock; callers may give another


class Db:
    """An encrypted SQLite database with one writing and one reading connection.

    Readers see the last commit and never wait for the writer. Inside `write` the same thread's
    `read` sees the changes made so far.

    Args:
        path: the file; it is made when absent, readable by its owner alone.
        key: 32 bytes, used raw.
        migrations: the steps of all rooms that keep tables here, in order.
        clock: the time that migrations are recorded with.

    Raises:
        DbError: the file does not open with this key, is damaged or from a newer version.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        migrations: Iterable[Migration],
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._path = path
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._writer_thread: int | None = None
        self._read_depth = 0
        self._closed = False
        path.touch(mode=0o600, exist_ok=True)
        self._writer = _wrapped(open_connection(path, key))
        try:
            with told(path):
                migrate(self._writer, migrations, path, clock)
            self._reader = _wrapped(open_connection(path, key, read_only=True))
        except BaseException:
            self._writer.conn.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[Database]:
        """One transaction: committed when the block ends, undone when it raises.

        Yields:
            The database. A nested `write` of the same thread joins the outer transaction.

        Raises:
            DbError: the change or the commit failed; nothing of it was kept.
        """
        with self._writing:
            if self._writer_thread is not None:
                yield self._writer
                return
            self._check_open()
            self._writer_thread = threading.get_ident()
            try:
                with told(self._path):
                    yield from self._transaction()
            finally:
                self._writer_thread = None

    def _transaction(self) -> Iterator[Database]:
        connection = self._writer.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def read(self) -> Iterator[Database]:
        """One consistent view of the last commit, for as long as the block lasts.

        Yields:
            The database; consume rows inside the block.

        Raises:
            DbError: the file cannot be read.
        """
        if self._writer_thread == threading.get_ident():
            with told(self._path):
                yield self._writer
            return
        with self._reading, told(self._path):
            self._check_open()
            if self._read_depth == 0:
                self._reader.conn.execute("BEGIN")
            self._read_depth += 1
            try:
                yield self._reader
            finally:
                self._read_depth -= 1
                if self._read_depth == 0 and self._reader.conn.in_transaction:
                    self._reader.conn.execute("ROLLBACK")

    def close(self) -> None:
        """Close both connections after their current blocks; doing it twice is fine."""
        with self._writing, self._reading:
            if not self._closed:
                self._closed = True
                self._reader.conn.close()
                self._writer.conn.close()

    def _check_open(self) -> None:
        if self._closed:
            raise DbError(path=self._path, reason="已关闭 closed")


def _wrapped(connection: Connection) -> Database:
    # Plug-ins would be foreign code inside the vault.
    return Database(connection, execute_plugins=False)
