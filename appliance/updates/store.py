"""The SQL of the updates room: bundles seen, and the moment the clock may not stand before."""

from dataclasses import asdict, dataclass
from typing import Final

from appliance.db.database import Db

_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """One bundle and what became of it.

    Attributes:
        id: "upd_" and 16 hexadecimal digits.
        kind: "model".
        subject: Model id, or "?" when the bundle could not be read.
        version: Its version, or "?".
        state: "verified", "refused" or "applied".
        time: Unix time in seconds.
        sentence: What happened, in words.
    """

    id: str
    kind: str
    subject: str
    version: str
    state: str
    time: float
    sentence: str


class UpdateStore:
    """Rows of the updates room."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, seen: Seen) -> None:
        """Insert a bundle; the oldest beyond a thousand are forgotten (the audit log is not)."""
        with self._db.write() as tx:
            tx.table("update_bundles").insert(asdict(seen))
            tx.execute(
                "DELETE FROM update_bundles WHERE rowid <="
                " (SELECT max(rowid) FROM update_bundles) - ?",
                [_KEPT],
            )

    def newest(self, limit: int) -> list[Seen]:
        """Return bundles, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT * FROM update_bundles ORDER BY rowid DESC LIMIT ?", [limit])
            )
        return [Seen(**row) for row in rows]

    def floor(self) -> float:
        """Return the latest moment known to be past, Unix seconds."""
        with self._db.read() as db:
            rows = list(db.query("SELECT time FROM update_floor"))
        return float(rows[0]["time"]) if rows else 0.0

    def raise_floor(self, moment: float) -> None:
        """Remember a moment as past, unless a later one is known."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO update_floor (id, time) VALUES (1, ?)"
                " ON CONFLICT (id) DO UPDATE SET time = max(time, excluded.time)",
                [moment],
            )
