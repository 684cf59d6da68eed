"""The rows of the audit log: one transaction for entries, tiles and signed head; reads."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from appliance.audit.closed_store import ClosedRows, ClosedWriter
from appliance.audit.folding import Folding
from appliance.audit.open_store import BY_SPAN, Leaf, Sought
from appliance.audit.schema import INSERTS, LARGEST_INSERT, LEAN, MIGRATIONS
from appliance.audit.tree import FullTile
from appliance.db.connection import Connection, DatabaseFailure, as_sentence, open_connection, told
from appliance.db.errors import DbError
from appliance.db.widening import migrate_widely
from secure_compute.merkle import HASH_SIZE

_LEVEL_SHIFT: Final = 48
Row = tuple[int, int, str, str, str | None, str | None, bytes]
"""index, time, tag, actor, request id, receipt id, leaf."""


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log as the last commit left it.

    Args:
        size: leaves in the tree.
        peaks: the frontier's hashes.
        note: the signed checkpoint.
        boot: boot id of the writer.
        time: time of the last entry, microseconds.
        clean: whether the log was closed in good order after it.
    """

    size: int
    peaks: tuple[bytes, ...]
    note: str
    boot: str
    time: int
    clean: bool


@dataclass(frozen=True, slots=True)
class Change:
    """All that one commit writes.

    Args:
        rows: the new entries.
        tiles: the tiles that became full.
        head: the new head.
        keep_checkpoint: whether the checkpoint also goes into the history.
    """

    rows: Sequence[Row]
    tiles: Sequence[FullTile]
    head: Head
    keep_checkpoint: bool


def create(path: Path, key: bytes, clock: Callable[[], datetime]) -> Connection:
    """Open the log's database for writing, with its tables in their newest shape."""
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise DbError(path=path, reason=error.strerror or str(error)) from error
    connection = open_connection(path, key)
    connection.execute("PRAGMA cache_size = -8000")
    try:
        with told(path):
            made = Database(connection, execute_plugins=False)
            migrate_widely(made, MIGRATIONS, path, clock)
            for statement in LEAN:
                connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


class AuditWriter:
    """The writing side; used by one thread at a time.

    Args:
        path: the database file.
        key: 32 bytes.
        clock: the time that migrations are recorded with.
    """

    def __init__(self, path: Path, key: bytes, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._connection = create(path, key, clock)
        self._folding = Folding(self._connection, open_connection(path, key))

    def write(self, change: Change) -> None:
        """Make a change durable, all or nothing.

        Raises:
            DbError: it is not durable; nothing of it was kept.
        """
        connection = self._connection
        self._folding.before_commit()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._insert(change.rows)
            for tile in change.tiles:
                connection.execute(
                    "INSERT INTO tiles (id, root, hashes) VALUES (?, ?, ?)",
                    (tile.level << _LEVEL_SHIFT | tile.index, tile.root, tile.hashes),
                )
            head = change.head
            connection.execute(
                "INSERT OR REPLACE INTO head (id, size, peaks, note, boot, time, clean)"
                " VALUES (1, ?, ?, ?, ?, ?, ?)",
                (head.size, b"".join(head.peaks), head.note, head.boot, head.time, head.clean),
            )
            if change.keep_checkpoint:
                connection.execute(
                    "INSERT OR REPLACE INTO checkpoints (size, time, note) VALUES (?, ?, ?)",
                    (head.size, head.time, head.note),
                )
            connection.execute("COMMIT")
        except DatabaseFailure as error:
            self._undo()
            raise as_sentence(self._path, error) from error
        self._folding.after_commit(len(change.rows))

    def _insert(self, rows: Sequence[Row]) -> None:
        start, left = 0, len(rows)
        while left:
            count = min(LARGEST_INSERT, 1 << (left.bit_length() - 1))
            values = [value for row in rows[start : start + count] for value in row]
            self._connection.execute(INSERTS[count], values)
            start, left = start + count, left - count

    def _undo(self) -> None:
        with suppress(DatabaseFailure):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded in."""
        self._folding.end()
        with told(self._path):
            self._connection.close()

    @property
    def rows(self) -> "AuditRows":
        """The reading side over the writing connection."""
        return AuditRows(self._path, self._connection)

    @property
    def closing(self) -> ClosedWriter:
        """The side that closes segments, over the same connection."""
        return ClosedWriter(self._path, self._connection)


class AuditRows:
    """The reading side; used by one thread at a time.

    Args:
        path: the database file, for sentences.
        connection: an open connection.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def closed(self) -> ClosedRows:
        """The closed part, over the same connection."""
        return ClosedRows(self._path, self._connection)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        with told(self._path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    def head(self) -> Head | None:
        """The state of the log, or None before its first entry."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT size, peaks, note, boot, time, clean FROM head WHERE id = 1"
            ).fetchone()
        if row is None:
            return None
        size, joined, note, boot, time, clean = row
        peaks = tuple(joined[i : i + HASH_SIZE] for i in range(0, len(joined), HASH_SIZE))
        return Head(size, peaks, note, boot, time, bool(clean))

    def last_index(self) -> int:
        """The largest index, -1 in an empty log."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT max((SELECT closed - 1 FROM extent),"
                " coalesce((SELECT max(idx) FROM entries), -1))"
            ).fetchone()
        return int(row[0])

    def leaves(self, first: int, end: int) -> list[bytes]:
        """The leaves with first <= index < end that are there, in order."""
        with told(self._path):
            rows = self._connection.execute(
                "SELECT leaf FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", (first, end)
            ).fetchall()
        return [row[0] for row in rows]

    def rows(self, first: int, end: int) -> list[Row]:
        """Whole rows with first <= index < end, in order."""
        with told(self._path):
            found: list[Row] = self._connection.execute(
                "SELECT idx, time, tag, actor, request, receipt, leaf FROM entries"
                " WHERE idx >= ? AND idx < ? ORDER BY idx",
                (first, end),
            ).fetchall()
        return found

    def named(self, first: int, end: int) -> list[tuple[str | None, str | None]]:
        """Request and receipt of the entries with first <= index < end, in order."""
        with told(self._path):
            found: list[tuple[str | None, str | None]] = self._connection.execute(
                "SELECT request, receipt FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx",
                (first, end),
            ).fetchall()
        return found

    def time_of(self, index: int) -> int | None:
        """The time of an entry in microseconds."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT time FROM entries WHERE idx = ?", (index,)
            ).fetchone()
        return None if row is None else int(row[0])

    def tile(self, level: int, index: int) -> bytes | None:
        """The hashes of a full tile, or None while it is not full."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT hashes FROM tiles WHERE id = ?", (level << _LEVEL_SHIFT | index,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def tile_roots(self, level: int, first: int, end: int) -> list[bytes]:
        """The roots of full tiles of a level with first <= index < end."""
        base = level << _LEVEL_SHIFT
        with told(self._path):
            rows = self._connection.execute(
                "SELECT root FROM tiles WHERE id >= ? AND id < ? ORDER BY id",
                (base | first, base + end),
            ).fetchall()
        return [row[0] for row in rows]

    def checkpoints(self) -> list[tuple[int, int, str]]:
        """The history of signed checkpoints: size, time, note."""
        with told(self._path):
            rows: list[tuple[int, int, str]] = self._connection.execute(
                "SELECT size, time, note FROM checkpoints ORDER BY size"
            ).fetchall()
        return rows

    def open_entries(self, wanted: Sought, first: int, end: int, limit: int) -> list[Leaf]:
        """Of the entries with first <= index < end the newest that can be meant, newest first."""
        values = (*wanted.values(first, end), limit)
        with told(self._path):
            found: list[Leaf] = self._connection.execute(BY_SPAN, values).fetchall()
        return found
