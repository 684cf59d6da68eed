"""The SQL of the posture room: the last reports of the firmware checks."""

import json
from typing import Any, Final

from appliance.db.database import Db

KEPT: Final = 400
"""Reports kept: a year of nights and some."""


class PostureStore:
    """Reports, newest last."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, checked: float, actor: str, report: dict[str, Any]) -> None:
        """Insert a report and forget the oldest beyond `KEPT`."""
        text = json.dumps(report, ensure_ascii=False)
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO posture_reports (checked, actor, report) VALUES (?, ?, ?)",
                [checked, actor, text.encode("utf-8", "replace").decode()],
            )
            tx.execute(
                "DELETE FROM posture_reports WHERE id <= (SELECT max(id) FROM posture_reports) - ?",
                [KEPT],
            )

    def newest(self) -> tuple[float, dict[str, Any]] | None:
        """Return (Unix time, report), or None before the first check."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT checked, report FROM posture_reports ORDER BY id DESC LIMIT 1")
            )
        return (rows[0]["checked"], json.loads(rows[0]["report"])) if rows else None
