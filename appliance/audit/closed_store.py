"""The rows of the log's closed part: bundles, postings, and what stands in archives."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from appliance.audit.bundle import BUNDLE
from appliance.audit.postings import SEGMENT, Posting
from appliance.db.connection import Connection, DatabaseFailure, as_sentence, told

_CHUNK: Final = 64
"""Postings that are read at a time while a search goes back."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the entries of a log lie.

    Args:
        first: the first entry that the database holds; those before it are in archives.
        closed: the first entry that lies in no bundle.
    """

    first: int
    closed: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that is ready to be closed.

    Args:
        number: which; it begins at entry number * 16,384.
        bundles: first time and body of each bundle.
        postings: its search index.
        tags: tags of its entries.
    """

    number: int
    bundles: Sequence[tuple[int, bytes]]
    postings: Sequence[Posting]
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """An archive that was made.

    Args:
        first: its first entry.
        end: the entry behind its last.
        name: its directory's name.
        place: where it was written.
        digest: SHA-256 of its manifest, "sha256:" and hexadecimal.
        since: time of its first entry, microseconds.
        until: time of its last entry, microseconds.
        made: when it was made, microseconds.
    """

    first: int
    end: int
    name: str
    place: str
    digest: str
    since: int
    until: int
    made: int


_REMOVE: Final = (
    "DELETE FROM postings WHERE term = ? AND segment IN (SELECT segment FROM postings"
    " WHERE term = ? AND segment < ? ORDER BY segment LIMIT ?)"
)


class ClosedWriter:
    """Closes segments and removes what is archived; used by one thread at a time.

    Args:
        path: the database file, for sentences.
        connection: the writing connection.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def extent(self) -> Extent:
        """Where the entries lie."""
        return ClosedRows(self._path, self._connection).extent()

    def store(self, segment: Segment) -> None:
        """Close a segment: its entries are read from bundles from now on. All or nothing."""
        first, number = segment.number * (SEGMENT // BUNDLE), segment.number
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO bundles (id, time, body) VALUES (?, ?, ?)",
                [(first + at, *bundle) for at, bundle in enumerate(segment.bundles)],
            )
            connection.executemany(
                "INSERT INTO postings (term, segment, body) VALUES (?, ?, ?)",
                [(term, number, body) for term, body in segment.postings],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO tags (tag) VALUES (?)", [(tag,) for tag in segment.tags]
            )
            connection.execute("UPDATE extent SET closed = ?", ((number + 1) * SEGMENT,))

    def lowest_row(self) -> int | None:
        """The smallest index among the rows of single entries."""
        with told(self._path):
            row = self._connection.execute("SELECT min(idx) FROM entries").fetchone()
        return None if row[0] is None else int(row[0])

    def sweep(self, end: int) -> None:
        """Remove the rows of entries below an index, which lie in bundles."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM entries WHERE idx < ?", (end,))

    def prune(self, archive: ArchiveRow) -> None:
        """Entries stand in an archive and are no longer the database's. All or nothing.

        `remove_some` and `remove_postings` free their room afterwards.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO archives"
                " (first, end, name, place, digest, since, until, made)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                astuple(archive),
            )
            connection.execute(
                "UPDATE extent SET first = ? WHERE first = ?", (archive.end, archive.first)
            )

    def remove_some(self, most: int) -> bool:
        """Free the room of a few removed bundles and their postings; whether there was anything."""
        first = self.extent().first
        with self._transaction() as connection:
            removed = connection.execute(
                "DELETE FROM bundles WHERE id IN"
                " (SELECT id FROM bundles WHERE id < ? ORDER BY id LIMIT ?)",
                (first // BUNDLE, most),
            ).rowcount
            return bool(removed)

    def remove_postings(self, after: int, most: int) -> int | None:
        """Free the room of a few postings of segments that are wholly removed, term by term.

        Args:
            after: the term where the call before came to; -1 to begin with.
            most: terms to look at, and postings of each to remove.

        Returns:
            Where the next call goes on; None when nothing is left.
        """
        segment = self.extent().first // SEGMENT
        term: int | None = after
        with self._transaction() as connection:
            for _ in range(most):
                row = connection.execute(
                    "SELECT min(term) FROM postings WHERE term > ?", (term,)
                ).fetchone()
                if row[0] is None:
                    return None
                removed = connection.execute(_REMOVE, (row[0], row[0], segment, most)).rowcount
                term = row[0] if removed < most else row[0] - 1
        return term

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except DatabaseFailure as error:
            self._undo()
            raise as_sentence(self._path, error) from error

    def _undo(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except DatabaseFailure:
            # Then the writer is opened anew before anything else is written.
            return


class ClosedRows:
    """Reads the closed part; used by one thread at a time.

    Args:
        path: the database file, for sentences.
        connection: an open connection.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def extent(self) -> Extent:
        """Where the entries lie."""
        with told(self._path):
            row = self._connection.execute("SELECT first, closed FROM extent").fetchone()
        return Extent(*row)

    def bundles(self, first: int, end: int) -> list[tuple[int, bytes]]:
        """Number and body of the bundles with first <= number < end, in order."""
        with told(self._path):
            found: list[tuple[int, bytes]] = self._connection.execute(
                "SELECT id, body FROM bundles WHERE id >= ? AND id < ? ORDER BY id", (first, end)
            ).fetchall()
        return found

    def bundle_time(self, number: int) -> int | None:
        """The time of a bundle's first entry, microseconds."""
        with told(self._path):
            row = self._connection.execute(
                "SELECT time FROM bundles WHERE id = ?", (number,)
            ).fetchone()
        return None if row is None else int(row[0])

    def postings(self, term: int, low: int, high: int) -> list[tuple[int, bytes]]:
        """Segment and body of a term's last few postings with low <= segment <= high, newest first."""
        with told(self._path):
            found: list[tuple[int, bytes]] = self._connection.execute(
                "SELECT segment, body FROM postings"
                " WHERE term = ? AND segment >= ? AND segment <= ? ORDER BY segment DESC LIMIT ?",
                (term, low, high, _CHUNK),
            ).fetchall()
        return found

    def tags(self) -> list[str]:
        """Every tag of the closed part."""
        with told(self._path):
            rows = self._connection.execute("SELECT tag FROM tags").fetchall()
        return [row[0] for row in rows]

    def archives(self) -> list[ArchiveRow]:
        """Every archive that was made, by its first entry."""
        with told(self._path):
            rows = self._connection.execute(
                "SELECT first, end, name, place, digest, since, until, made"
                " FROM archives ORDER BY first"
            ).fetchall()
        return [ArchiveRow(*row) for row in rows]
