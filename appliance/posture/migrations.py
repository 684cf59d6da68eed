"""The tables of the posture room, in order of their making."""

import json
from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE posture_reports (id INTEGER PRIMARY KEY, checked REAL NOT NULL,"
        " actor TEXT NOT NULL, report TEXT NOT NULL)"
    )


def _runs(db: "Database") -> None:
    """One line for each run: what was kept as whole reports so far gets its line too."""
    db.execute(
        "CREATE TABLE posture_runs (id INTEGER PRIMARY KEY, checked REAL NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,"
        " digest TEXT NOT NULL, level INTEGER NOT NULL, passed INTEGER NOT NULL,"
        " failed INTEGER NOT NULL, undecided INTEGER NOT NULL, consequence TEXT NOT NULL,"
        " version TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX posture_runs_digest ON posture_runs (digest)")
    for row in list(db.query("SELECT id, checked, actor, report FROM posture_reports ORDER BY id")):
        report = json.loads(row["report"])
        counts = report["counts"]
        db.table("posture_runs").insert(
            {
                "id": row["id"],
                "checked": row["checked"],
                "actor": row["actor"],
                "reason": "night" if row["actor"] == "box" else "asked",
                "digest": report["digest"],
                "level": report["posture"]["level"],
                "passed": counts["pass"],
                "failed": counts["fail"],
                "undecided": counts["could-not-check"],
                "consequence": "nothing",
                "version": "",
            }
        )


MIGRATIONS: tuple[Migration, ...] = (
    Migration("posture.1-tables", _first),
    Migration("posture.2-runs", _runs),
)
