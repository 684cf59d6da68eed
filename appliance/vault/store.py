"""The SQL of the vault room: wrapped keys of datasets and patients, by keyed hashes of their names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from appliance.db.database import Db

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One key.

    Args:
        sealed: the key under its family's key; None once it was destroyed.
        made: seconds since 1970 UTC.
        destroyed: the same, or None.
    """

    sealed: bytes | None
    made: int
    destroyed: int | None


class SubjectStore:
    """Rows by family and tag (32 bytes)."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def get(self, family: str, tag: bytes) -> SubjectRow | None:
        """One row, or None."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT sealed, made, destroyed FROM vault_subjects WHERE family = ? AND tag = ?",
                    [family, tag],
                )
            )
        return SubjectRow(**rows[0]) if rows else None

    def beginning(self, family: str, start: bytes) -> bytes | None:
        """The tag that begins with some bytes, or None."""
        with self._db.read() as db:
            query = (
                "SELECT tag FROM vault_subjects WHERE family = ? AND tag >= ? ORDER BY tag LIMIT 1"
            )
            rows = [bytes(row["tag"]) for row in db.query(query, [family, start])]
        return rows[0] if rows and rows[0].startswith(start) else None

    def bury(self, family: str, tag: bytes, when: int) -> None:
        """Note a key as destroyed that this database does not know, so that none is made."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO vault_subjects (family, tag, sealed, made, destroyed)"
                " VALUES (?, ?, NULL, ?, ?) ON CONFLICT DO NOTHING",
                [family, tag, when, when],
            )

    def add(self, family: str, tag: bytes, sealed: bytes, made: int) -> None:
        """Insert a row; one that exists is left as it is."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO vault_subjects (family, tag, sealed, made) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                [family, tag, sealed, made],
            )

    def drop(self, family: str, tag: bytes) -> None:
        """Delete a row with its key; one of a destroyed key stays."""
        with self._db.write() as tx:
            tx.execute(
                "DELETE FROM vault_subjects WHERE family = ? AND tag = ? AND sealed NOTNULL",
                [family, tag],
            )

    def count(self, family: str) -> int:
        """How many keys of a family are not destroyed."""
        with self._db.read() as db:
            query = "SELECT count(*) AS n FROM vault_subjects WHERE family = ? AND sealed NOTNULL"
            return int(next(iter(db.query(query, [family])))["n"])

    def rewrap(
        self, family: str, change: Callable[[bytes, bytes], bytes], gone: bytes | None, now: int
    ) -> int:
        """Wrap every key of a family anew and destroy one of them, all in one transaction.

        Args:
            family: which.
            change: gives the new envelope of (tag, envelope).
            gone: tag of the key to destroy, or None.
            now: when it was destroyed.

        Returns:
            How many keys were wrapped anew.
        """
        done = 0
        with self._db.write() as tx:
            if gone is not None:
                tx.execute(
                    "UPDATE vault_subjects SET sealed = NULL, destroyed = ?"
                    " WHERE family = ? AND tag = ?",
                    [now, family, gone],
                )
            for rows in self._pages(family):
                for tag, sealed in rows:
                    tx.execute(
                        "UPDATE vault_subjects SET sealed = ? WHERE family = ? AND tag = ?",
                        [change(tag, sealed), family, tag],
                    )
                done += len(rows)
        return done

    def any_under(self, family: str, old: Callable[[bytes], bool]) -> bool:
        """Whether a key of a family has an envelope of which `old` holds."""
        return any(old(sealed) for rows in self._pages(family) for _, sealed in rows)

    def _pages(self, family: str) -> Iterator[list[tuple[bytes, bytes]]]:
        last = b""
        while True:
            with self._db.read() as db:
                rows = [
                    (row["tag"], row["sealed"])
                    for row in db.query(
                        "SELECT tag, sealed FROM vault_subjects WHERE family = ? AND tag > ?"
                        " AND sealed NOTNULL ORDER BY tag LIMIT ?",
                        [family, last, _AT_ONCE],
                    )
                ]
            if not rows:
                return
            yield rows
            last = rows[-1][0]
