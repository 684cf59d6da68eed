"""The SQL of the backup room: targets with what is remembered of them, and what was done."""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from appliance.backup.errors import TargetExists, TargetUnknown
from appliance.backup.repository import Memory
from appliance.db.database import Db

Kind = Literal["directory", "disk", "sftp"]
What = Literal["create", "verify", "drill"]
KEPT: Final = 1000
_COLUMNS: Final = "name, kind, place, pin, added, repository, generation, digest, snapshots"


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A place for backups.

    Args:
        name: what people call it.
        kind: "directory", "disk" (a directory on a disk of its own) or "sftp".
        place: a path, or `user@host:port/path`.
        pin: id of the disk, or the server's host key; what tells a changed one.
        added: Unix seconds.
        memory: what this box remembers of the backup there; None before the first.
        snapshots: the list as it was seen last, oldest first.
    """

    name: str
    kind: Kind
    place: str
    pin: str
    added: float
    memory: Memory | None = None
    snapshots: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Something that was done with a target.

    Args:
        target: its name.
        what: "create", "verify" or "drill".
        time: Unix seconds of its end.
        ok: whether it came out well.
        snapshot: number of the snapshot that it was about.
        sentence: what came of it, Chinese first.
        result: figures.
    """

    target: str
    what: What
    time: float
    ok: bool
    snapshot: int | None
    sentence: str
    result: dict[str, Any] = field(default_factory=dict)


class BackupStore:
    """Targets and runs."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def targets(self) -> tuple[KnownTarget, ...]:
        """Every target, by name."""
        with self._db.read() as db:
            rows = list(db.query(f"SELECT {_COLUMNS} FROM backup_targets ORDER BY name"))  # noqa: S608
        return tuple(_target(row) for row in rows)

    def target(self, name: str) -> KnownTarget:
        """One target. Raises TargetUnknown."""
        for one in self.targets():
            if one.name == name:
                return one
        raise TargetUnknown(name=name)

    def add(self, target: KnownTarget) -> None:
        """Insert a target. Raises TargetExists."""
        with self._db.write() as tx:
            if list(tx.query("SELECT 1 FROM backup_targets WHERE name = ?", [target.name])):
                raise TargetExists(name=target.name)
            tx.execute(
                "INSERT INTO backup_targets (name, kind, place, pin, added) VALUES (?, ?, ?, ?, ?)",
                [target.name, target.kind, target.place, target.pin, target.added],
            )

    def remove(self, name: str) -> None:
        """Forget a target; what lies there stays. Raises TargetUnknown."""
        with self._db.write() as tx:
            if tx.execute("DELETE FROM backup_targets WHERE name = ?", [name]).rowcount == 0:
                raise TargetUnknown(name=name)

    def remember(self, name: str, memory: Memory, snapshots: list[dict[str, Any]]) -> None:
        """Keep how far a backup has come; it never goes back."""
        with self._db.write() as tx:
            tx.execute(
                "UPDATE backup_targets SET repository = ?, generation = ?, digest = ?, snapshots = ?"
                " WHERE name = ? AND (repository <> ? OR generation <= ?)",
                [
                    memory.repository,
                    memory.generation,
                    memory.digest,
                    json.dumps(snapshots),
                    name,
                    memory.repository,
                    memory.generation,
                ],
            )

    def note(self, run: RunRecord) -> None:
        """Insert what was done, and forget the oldest beyond `KEPT`."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO backup_runs (target, what, time, ok, snapshot, sentence, result)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    run.target,
                    run.what,
                    run.time,
                    int(run.ok),
                    run.snapshot,
                    run.sentence,
                    json.dumps(run.result),
                ],
            )
            tx.execute(
                "DELETE FROM backup_runs WHERE id <= (SELECT max(id) FROM backup_runs) - ?", [KEPT]
            )

    def last(self, target: str, what: What, *, ok: bool | None = None) -> RunRecord | None:
        """The latest run of a kind; with `ok` the latest that came out so."""
        wanted = (0, 1) if ok is None else (int(ok), int(ok))
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT target, what, time, ok, snapshot, sentence, result FROM backup_runs"
                    " WHERE target = ? AND what = ? AND ok IN (?, ?) ORDER BY id DESC LIMIT 1",
                    [target, what, *wanted],
                )
            )
        return _run(rows[0]) if rows else None

    def last_check(self, target: str) -> RunRecord | None:
        """The latest check that looked at objects; one that could not be held says nothing of them."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT target, what, time, ok, snapshot, sentence, result FROM backup_runs"
                    " WHERE target = ? AND what = 'verify'"
                    " AND json_extract(result, '$.damaged') IS NOT NULL ORDER BY id DESC LIMIT 1",
                    [target],
                )
            )
        return _run(rows[0]) if rows else None


def _target(row: dict[str, Any]) -> KnownTarget:
    memory = Memory(row["repository"], row["generation"], row["digest"])
    return KnownTarget(
        name=row["name"],
        kind=row["kind"],
        place=row["place"],
        pin=row["pin"],
        added=row["added"],
        memory=memory if row["repository"] else None,
        snapshots=tuple(json.loads(row["snapshots"])),
    )


def _run(row: dict[str, Any]) -> RunRecord:
    return RunRecord(
        target=row["target"],
        what=row["what"],
        time=row["time"],
        ok=bool(row["ok"]),
        snapshot=row["snapshot"],
        sentence=row["sentence"],
        result=json.loads(row["result"]),
    )
