"""The SQL of the bodies: sealed rows by receipt, in an encrypted database of their own."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from appliance.bodies.sealing import DAY_MS, SealedBody
from appliance.db.connection import Connection, DatabaseFailure, as_sentence, open_connection, told
from appliance.db.migration import Migration
from appliance.db.widening import migrate_widely

_INSERT: Final = (
    "INSERT OR REPLACE INTO bodies (receipt, patient, wrapped, sealed) VALUES (?, ?, ?, ?)"
)
_MS_BYTES: Final = 6
_AT_ONCE: Final = 200
"""Rows that one transaction deletes: whoever writes beside it waits no longer than for these."""


def _first(database: Database) -> None:
    # Receipts are ordered by time, so their index grows at its right edge, and a day is a range.
    database.conn.execute(
        "CREATE TABLE bodies (receipt BLOB NOT NULL PRIMARY KEY, patient BLOB, wrapped BLOB NOT NULL,"
        " sealed BLOB NOT NULL) STRICT"
    )
    database.conn.execute(
        "CREATE INDEX bodies_patient ON bodies (patient) WHERE patient IS NOT NULL"
    )


MIGRATIONS: Final = (Migration("bodies.1-sealed", _first),)


class BodyStore:
    """The rows, over one connection; used by one thread at a time.

    Args:
        path: the database file.
        connection: an open connection.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection
        self._log: int | None = None

    @classmethod
    def create(
        cls, path: Path, key: bytes, clock: Callable[[], datetime], *, waiting: bool = True
    ) -> "BodyStore":
        """Open the database for writing; made when absent.

        Args:
            path: the database file.
            key: 32 bytes.
            clock: the time that migrations are recorded with.
            waiting: whether every change waits for the disk; else `flush` does.

        Raises:
            DbError: it cannot be opened.
        """
        path.touch(mode=0o600, exist_ok=True)
        connection = open_connection(path, key)
        try:
            with told(path):
                connection.execute("PRAGMA wal_autocheckpoint = 4000")
                connection.execute("PRAGMA secure_delete = ON")
                made = Database(connection, execute_plugins=False)
                migrate_widely(made, MIGRATIONS, path, clock)
                if not waiting:
                    connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path, key: bytes) -> "BodyStore":
        """Open a database that exists, for reading alone. Raises DbError."""
        return cls(path, open_connection(path, key, read_only=True))

    def close(self) -> None:
        """Close the connection."""
        log, self._log = self._log, None
        if log is not None:
            os.close(log)
        with told(self._path):
            self._connection.close()

    def flush(self) -> None:
        """Wait until the disk has all that was added; from one thread, any one. Raises OSError."""
        if self._log is None:
            self._log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            # It may have been made a moment ago, and its name must not be lost either.
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        os.fdatasync(self._log)

    def add(self, bodies: Iterable[SealedBody]) -> None:
        """Add bodies, all or none. Raises DbError."""
        rows = [(one.receipt, one.patient, one.wrapped, one.sealed) for one in bodies]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except DatabaseFailure as error:
            self._undo()
            raise as_sentence(self._path, error) from error

    def get(self, receipt: bytes) -> SealedBody | None:
        """The body of a receipt. Raises DbError."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT receipt, patient, wrapped, sealed FROM bodies WHERE receipt = ?", (receipt,)
            ).fetchone()
        return None if row is None else SealedBody(*row)

    def newest(self, count: int) -> list[bytes]:
        """Receipts of the bodies that were written last, the very last first."""
        with told(self._path):
            rows = self._connection.execute(
                "SELECT receipt FROM bodies ORDER BY rowid DESC LIMIT ?", (count,)
            ).fetchall()
        return [row[0] for row in rows]

    def count(self, patient: bytes | None = None) -> int:
        """How many bodies there are, of one patient or in all."""
        with told(self._path):
            if patient is None:
                row = self._connection.execute("SELECT count(*) FROM bodies").fetchone()
            else:
                row = self._connection.execute(
                    "SELECT count(*) FROM bodies WHERE patient = ?", (patient,)
                ).fetchone()
        return int(row[0])

    def days_before(self, day: int) -> list[int]:
        """The days before a day, counted from 1970, of which there are bodies."""
        end, found = day * DAY_MS, list[int]()
        start = 0
        while start < end:
            with told(self._path):
                row = self._connection.execute(
                    "SELECT min(receipt) FROM bodies WHERE receipt >= ? AND receipt < ?",
                    (start.to_bytes(_MS_BYTES, "big"), end.to_bytes(_MS_BYTES, "big")),
                ).fetchone()
            if row[0] is None:
                break
            found.append(int.from_bytes(row[0][:_MS_BYTES], "big") // DAY_MS)
            start = (found[-1] + 1) * DAY_MS
        return found

    def drop(self, receipts: Sequence[bytes]) -> None:
        """Delete bodies by receipt."""
        self._delete("DELETE FROM bodies WHERE receipt = ?", [(one,) for one in receipts])

    def drop_some_of(self, patient: bytes) -> int:
        """Delete some bodies of a patient; how many. 0 says that there are no more."""
        return self._some("SELECT receipt FROM bodies WHERE patient = ? LIMIT ?", patient)

    def drop_some_before(self, receipt: bytes) -> int:
        """Delete some bodies older than a receipt; how many. 0 says that there are no more."""
        return self._some("SELECT receipt FROM bodies WHERE receipt < ? LIMIT ?", receipt)

    def _some(self, query: str, value: bytes) -> int:
        with told(self._path):
            found = self._connection.execute(query, (value, _AT_ONCE)).fetchall()
        self.drop([row[0] for row in found])
        return len(found)

    def _delete(self, statement: str, rows: Sequence[tuple[bytes]]) -> None:
        if not rows:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except DatabaseFailure as error:
            self._undo()
            raise as_sentence(self._path, error) from error

    def _undo(self) -> None:
        with suppress(DatabaseFailure):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
