"""The SQL of forwarding: one position in the log, which is all the queue there is."""

from appliance.db.database import Db


class ForwardStore:
    """The first entry that the receiver is not known to have read."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def position(self) -> tuple[int, float] | None:
        """The position, and when it was noted (Unix seconds); None before the first time."""
        with self._db.read() as db:
            rows = list(db.query("SELECT position, time FROM forwarded WHERE id = 1"))
        return (rows[0]["position"], rows[0]["time"]) if rows else None

    def move(self, position: int, now: float) -> None:
        """Note a new position."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO forwarded (id, position, time) VALUES (1, ?, ?)",
                [position, now],
            )
