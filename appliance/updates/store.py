"""The SQL of the updates room: what was seen on sticks, and which trust roots are on record."""

from dataclasses import dataclass
from datetime import datetime

from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class Seen:
    """One bundle and what became of it.

    Attributes:
        id: Its id; "none" when the stick held nothing that has one.
        kind: What it holds: "models".
        subject: The ids of the models.
        version: Their versions, in the same order.
        state: "verified", "refused" or "applied".
        time: When this happened, in UTC.
        sentence: What happened, Chinese first.
    """

    id: str
    kind: str
    subject: str
    version: str
    state: str
    time: datetime
    sentence: str


class UpdateStore:
    """History, newest last."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, seen: Seen, actor: str, code: str | None = None) -> None:
        """Insert what happened."""
        row = [seen.id, seen.kind, seen.subject, seen.version, seen.state, seen.time.isoformat()]
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO update_history"
                " (bundle, kind, subject, version, state, time, actor, code, sentence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*row, actor, code, seen.sentence],
            )

    def newest(self, limit: int) -> tuple[Seen, ...]:
        """Return the history, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT bundle, kind, subject, version, state, time, sentence"
                    " FROM update_history ORDER BY number DESC LIMIT ?",
                    [limit],
                )
            )
        return tuple(
            Seen(
                id=row["bundle"],
                kind=row["kind"],
                subject=row["subject"],
                version=row["version"],
                state=row["state"],
                time=datetime.fromisoformat(row["time"]),
                sentence=row["sentence"],
            )
            for row in rows
        )

    def knows_root(self, fingerprint: str) -> bool:
        """Whether a trust root is on record."""
        with self._db.read() as db:
            return bool(
                list(db.query("SELECT 1 FROM update_roots WHERE fingerprint = ?", [fingerprint]))
            )

    def add_root(self, fingerprint: str, version: int, time: datetime) -> None:
        """Put a trust root on record."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR IGNORE INTO update_roots (fingerprint, version, time) VALUES (?, ?, ?)",
                [fingerprint, version, time.isoformat()],
            )
