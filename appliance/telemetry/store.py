"""The SQL of the telemetry room: alerts, raised, acknowledged and cleared."""

from dataclasses import dataclass
from typing import Any, Final

from appliance.db.database import Db

KEPT: Final = 2000
"""Cleared alerts that are kept."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; times are Unix seconds, None while it did not happen.

    Attributes:
        id: Counts up over the life of the box.
        rule: The rule that raised it.
        subject: What it is about: a model, a card, a key, or the rule's own word.
        severity: "warning" or "critical".
        zh: The sentence in Chinese, as it was true when the alert was raised.
        en: The same in English.
        way_out_zh: What to do.
        way_out_en: The same in English.
        raised: When it was raised.
        cleared: When what raised it was gone.
        acknowledged: When a person took note.
        acknowledged_by: Who.
    """

    id: int
    rule: str
    subject: str
    severity: str
    zh: str
    en: str
    way_out_zh: str
    way_out_en: str
    raised: float
    cleared: float | None = None
    acknowledged: float | None = None
    acknowledged_by: str | None = None


class AlertStore:
    """Rows of alerts. Every call is synchronous and one transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, alert: dict[str, Any]) -> Alert:
        """Insert a raised alert; the fields are those of `Alert` without its id."""
        with self._db.write() as tx:
            tx.table("telemetry_alerts").insert(alert)
            number = int(tx.execute("SELECT last_insert_rowid()").fetchone()[0])
            tx.execute(
                "DELETE FROM telemetry_alerts WHERE cleared IS NOT NULL AND id <= ?",
                [number - KEPT],
            )
        return Alert(id=number, **alert)

    def clear(self, alert: int, at: float) -> None:
        """Write that an alert is over."""
        with self._db.write() as tx:
            tx.execute(
                "UPDATE telemetry_alerts SET cleared = ? WHERE id = ? AND cleared IS NULL",
                [at, alert],
            )

    def acknowledge(self, alert: int, at: float, actor: str) -> None:
        """Write who took note first; whoever comes later changes nothing."""
        with self._db.write() as tx:
            tx.execute(
                "UPDATE telemetry_alerts SET acknowledged = ?, acknowledged_by = ?"
                " WHERE id = ? AND acknowledged IS NULL",
                [at, actor, alert],
            )

    def get(self, alert: int) -> Alert | None:
        """One alert, or None."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM telemetry_alerts WHERE id = ?", [alert]))
        return Alert(**rows[0]) if rows else None

    def raised(self) -> list[Alert]:
        """What is raised now, oldest first."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT * FROM telemetry_alerts WHERE cleared IS NULL ORDER BY id")
            )
        return [Alert(**row) for row in rows]

    def newest(self, limit: int) -> list[Alert]:
        """The latest alerts, cleared ones too, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT * FROM telemetry_alerts ORDER BY id DESC LIMIT ?", [limit])
            )
        return [Alert(**row) for row in rows]
