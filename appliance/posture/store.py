"""The SQL of the posture room: the last reports of the firmware checks, and the course of all runs."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from appliance.db.database import Db

KEPT: Final = 400
"""Reports kept: a year of nights and some."""
RUNS_KEPT: Final = 5000
"""Lines of the history kept: many years of nights."""


@dataclass(frozen=True, slots=True)
class PostureRun:
    """One run of the checks in one line.

    Attributes:
        checked: Unix time in seconds.
        actor: Who asked, "box" for the box itself.
        reason: "boot", "night", "update", or "asked".
        digest: Of the report, as receipts name it.
        level: Posture level, 0 to 4.
        passed: Checks that passed.
        failed: Checks that did not.
        undecided: Checks that could not be made.
        consequence: What followed, as the settings name it.
        version: Of the software that checked.
    """

    checked: float
    actor: str
    reason: str
    digest: str
    level: int
    passed: int
    failed: int
    undecided: int
    consequence: str
    version: str = ""


class PostureStore:
    """Reports, newest last."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, run: PostureRun, report: dict[str, Any]) -> None:
        """Insert a report with its line, and forget the oldest beyond `KEPT` and `RUNS_KEPT`."""
        text = json.dumps(report, ensure_ascii=False).encode("utf-8", "replace").decode()
        with self._db.write() as tx:
            number = tx.execute(
                "INSERT INTO posture_reports (checked, actor, report) VALUES (?, ?, ?)",
                [run.checked, run.actor, text],
            ).lastrowid
            tx.table("posture_runs").insert({"id": number, **asdict(run)})
            tx.execute(
                "DELETE FROM posture_reports WHERE id <= (SELECT max(id) FROM posture_reports) - ?",
                [KEPT],
            )
            tx.execute(
                "DELETE FROM posture_runs WHERE id <= (SELECT max(id) FROM posture_runs) - ?",
                [RUNS_KEPT],
            )

    def newest(self) -> tuple[float, dict[str, Any]] | None:
        """Return (Unix time, report), or None before the first check."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT checked, report FROM posture_reports ORDER BY id DESC LIMIT 1")
            )
        return (rows[0]["checked"], json.loads(rows[0]["report"])) if rows else None

    def named(self, digest: str) -> tuple[float, dict[str, Any]] | None:
        """Return the newest report of a digest with its time, or None where it is not kept."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT r.checked, r.report FROM posture_reports r JOIN posture_runs s"
                    " ON s.id = r.id WHERE s.digest = ?"
                    " ORDER BY r.id DESC LIMIT 1",
                    [digest],
                )
            )
        return (rows[0]["checked"], json.loads(rows[0]["report"])) if rows else None

    def runs(self, limit: int) -> list[PostureRun]:
        """Return the last runs, newest first."""
        with self._db.read() as db:
            rows = db.query(
                "SELECT checked, actor, reason, digest, level, passed, failed, undecided, consequence, version"
                " FROM posture_runs ORDER BY id DESC LIMIT ?",
                [limit],
            )
            return [PostureRun(**row) for row in rows]
