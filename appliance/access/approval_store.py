"""The SQL of two-person actions."""

from dataclasses import asdict, dataclass

from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class Approval:
    """One two-person action; times are Unix seconds.

    Attributes:
        id: names it.
        action: what shall be done, from the table of actions.
        subject: to whom or what.
        parameter: with what, or None.
        reason: why, in the words of whoever asks.
        state: "waiting", "approved", "cancelled", "executed", "failed" or "expired".
        requested_by: who asked, "user:<name>".
        requested: when.
        expires: after this nothing can be done with it.
        decided_by: who approved or cancelled it.
        decided: when.
        executed_by: who had it done.
        executed: when.
    """

    id: str
    action: str
    subject: str
    parameter: str | None
    reason: str
    state: str
    requested_by: str
    requested: float
    expires: float
    decided_by: str | None = None
    decided: float | None = None
    executed_by: str | None = None
    executed: float | None = None


class ApprovalStore:
    """Rows of two-person actions."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, approval: Approval) -> None:
        """Insert one."""
        with self._db.write() as tx:
            tx.table("access_approvals").insert(asdict(approval))

    def get(self, identity: str) -> Approval | None:
        """Return one, or None."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_approvals WHERE id = ?", [identity]))
        return Approval(**rows[0]) if rows else None

    def latest(self, most: int) -> list[Approval]:
        """Return the newest, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM access_approvals ORDER BY requested DESC, id LIMIT ?", [most]
                )
            )
        return [Approval(**row) for row in rows]

    def waiting(self, now: float) -> int:
        """Return how many wait for anybody."""
        with self._db.read() as db:
            (row,) = db.query(
                "SELECT count(*) AS n FROM access_approvals"
                " WHERE state IN ('waiting', 'approved') AND expires > ?",
                [now],
            )
        return int(row["n"])

    def decide(self, identity: str, state: str, by: str, at: float) -> bool:
        """Approve or cancel one that waits; cancel one that is approved. False when too late."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_approvals SET state = ?, decided_by = ?, decided = ? WHERE id = ?"
                " AND expires > ? AND (state = 'waiting' OR (state = 'approved' AND ? = 'cancelled'))",
                [state, by, at, identity, at, state],
            )
            return cursor.rowcount == 1

    def spend(self, identity: str, state: str, by: str, at: float) -> bool:
        """Mark an approved one done or failed, once; False when it is not approved any more."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_approvals SET state = ?, executed_by = ?, executed = ? WHERE id = ?"
                " AND expires > ? AND state = 'approved'",
                [state, by, at, identity, at],
            )
            return cursor.rowcount == 1
