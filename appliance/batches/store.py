"""The SQL of the files and batches room. Every question names the owner."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from appliance.batches.errors import BatchUnknown, FileUnknown, ResponseUnknown
from appliance.batches.shape import (
    RESTING,
    Batch,
    BatchFault,
    BatchStatus,
    FilePage,
    StoredFile,
)
from appliance.db.database import Db

_LISTED: Final = (
    "SELECT * FROM files WHERE owner = :owner AND (:purpose IS NULL OR purpose = :purpose)"
    " AND (:after = '' OR CASE WHEN :oldest_first"
    " THEN rowid > (SELECT rowid FROM files WHERE id = :after AND owner = :owner)"
    " ELSE rowid < (SELECT rowid FROM files WHERE id = :after AND owner = :owner) END)"
    " ORDER BY CASE WHEN :oldest_first THEN rowid ELSE -rowid END LIMIT :limit"
)


class FileStore:
    """Rows of files."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, file: StoredFile) -> None:
        """Insert a file; one that is there already stays as it is."""
        with self._db.write() as tx:
            tx.table("files").insert(asdict(file), ignore=True)

    def get(self, owner: str, file_id: str) -> StoredFile:
        """Return a file of `owner`. Raises FileUnknown."""
        with self._db.read() as db:
            query = "SELECT * FROM files WHERE id = ? AND owner = ?"
            rows = list(db.query(query, [file_id, owner]))
        if not rows:
            raise FileUnknown(file_id=file_id[:64])
        return _file(rows[0])

    def listed(self, owner: str, page: FilePage) -> list[StoredFile]:
        """Return the files of `owner` on a page.

        Raises:
            FileUnknown: The page goes on from a file that is not there (any more).
        """
        if page.after:
            self.get(owner, page.after)
        with self._db.read() as db:
            rows = list(db.query(_LISTED, {"owner": owner, **asdict(page)}))
        return [_file(row) for row in rows]

    def held(self, owner: str) -> tuple[int, int]:
        """Return how many files `owner` has, and their bytes together."""
        with self._db.read() as db:
            query = "SELECT count(*) AS n, coalesce(sum(bytes), 0) AS b FROM files WHERE owner = ?"
            row = next(iter(db.query(query, [owner])))
        return int(row["n"]), int(row["b"])

    def drop(self, file_id: str) -> None:
        """Delete a file's row."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM files WHERE id = ?", [file_id])

    def expired(self, now: float) -> list[StoredFile]:
        """Return the files whose time is over."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM files WHERE expires <= ?", [now]))
        return [_file(row) for row in rows]

    def every(self, limit: int) -> list[StoredFile]:
        """Return the newest files of all owners."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM files ORDER BY rowid DESC LIMIT ?", [limit]))
        return [_file(row) for row in rows]

    def plain(self) -> list[StoredFile]:
        """Return the files that are not sealed, oldest first."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM files WHERE NOT sealed ORDER BY rowid"))
        return [_file(row) for row in rows]

    def mark_sealed(self, file_id: str) -> None:
        """Note that a file lies sealed."""
        with self._db.write() as tx:
            tx.execute("UPDATE files SET sealed = 1 WHERE id = ?", [file_id])

    def part(self, owner: str, nobody: str) -> None:
        """Give what `owner` has to `nobody`."""
        with self._db.write() as tx:
            tx.execute("UPDATE files SET owner = ? WHERE owner = ?", [nobody, owner])

    def ids(self) -> set[str]:
        """Return the ids of all files."""
        with self._db.read() as db:
            return {str(row["id"]) for row in db.query("SELECT id FROM files")}


class BatchStore:
    """Rows of batches; the newest state is one document."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def put(self, batch: Batch) -> Batch:
        """Insert or replace a batch, and return it."""
        row = {
            "id": batch.id,
            "owner": batch.owner,
            "created": batch.created,
            "status": batch.status.value,
            "input_file": batch.input_file,
            "document": json.dumps(asdict(batch)),
        }
        with self._db.write() as tx:
            tx.table("batches").upsert(row, pk="id")
        return batch

    def change(self, batch_id: str, change: Callable[[Batch], Batch]) -> Batch:
        """Change a batch as it stands now, in one step; return what it became."""
        with self._db.write():
            return self.put(change(self.get(None, batch_id)))

    def get(self, owner: str | None, batch_id: str) -> Batch:
        """Return a batch of `owner` (None: of anybody, for its job). Raises BatchUnknown."""
        with self._db.read() as db:
            query = "SELECT document FROM batches WHERE id = ? AND (? IS NULL OR owner = ?)"
            rows = list(db.query(query, [batch_id, owner, owner]))
        if not rows:
            raise BatchUnknown(batch_id=batch_id[:64])
        return _batch(rows[0])

    def newest(self, owner: str, limit: int, after: str) -> list[Batch]:
        """Return the batches of `owner`, newest first, from the one after `after` on.

        Raises:
            BatchUnknown: There is no batch `after`.
        """
        if after:
            self.get(owner, after)
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT document FROM batches WHERE owner = :owner AND (:after = '' OR rowid <"
                    " (SELECT rowid FROM batches WHERE id = :after AND owner = :owner))"
                    " ORDER BY rowid DESC LIMIT :limit",
                    {"owner": owner, "after": after, "limit": limit},
                )
            )
        return [_batch(row) for row in rows]

    def reading(self, file_id: str) -> str | None:
        """Return a batch under way that reads this file."""
        with self._db.read() as db:
            rows = list(db.query("SELECT id, status FROM batches WHERE input_file = ?", [file_id]))
        live = [str(row["id"]) for row in rows if BatchStatus(row["status"]) not in RESTING]
        return live[0] if live else None


class ResponseStore:
    """Rows of kept responses."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def keep(self, row: dict[str, Any]) -> None:
        """Insert one: id, owner, created, turns, response."""
        with self._db.write() as tx:
            tx.table("kept_responses").insert(row, replace=True)

    def get(self, owner: str, response_id: str) -> dict[str, Any]:
        """Return one of `owner`. Raises ResponseUnknown."""
        with self._db.read() as db:
            query = "SELECT * FROM kept_responses WHERE id = ? AND owner = ?"
            rows = list(db.query(query, [response_id, owner]))
        if not rows:
            raise ResponseUnknown(response_id=response_id[:80])
        return dict(rows[0])

    def drop(self, response_id: str) -> None:
        """Delete one."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM kept_responses WHERE id = ?", [response_id])

    def part(self, owner: str, nobody: str) -> None:
        """Give what `owner` has to `nobody`."""
        with self._db.write() as tx:
            tx.execute("UPDATE kept_responses SET owner = ? WHERE owner = ?", [nobody, owner])

    def prune(self, before: float) -> None:
        """Delete those made before `before`."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM kept_responses WHERE created < ?", [before])


def _file(row: dict[str, Any]) -> StoredFile:
    return StoredFile(**{**row, "sealed": bool(row["sealed"])})


def _batch(row: dict[str, Any]) -> Batch:
    members = json.loads(row["document"])
    faults = tuple(BatchFault(**one) for one in members.pop("faults"))
    status, ending = BatchStatus(members.pop("status")), members.pop("ending", None)
    ending = None if ending is None else BatchStatus(ending)
    return Batch(**members, status=status, faults=faults, ending=ending)
