"""The SQL of the examination room: reports of evaluations."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One evaluation's report.

    Attributes:
        job_id: The job that made it.
        model: Model id.
        model_digest: Digest of the model's manifest.
        digest: SHA-256 of the report's JSON with sorted keys, in hexadecimal; the audit log has it.
        time: Unix time in seconds.
        report: What `eval.worker` returned.
    """

    job_id: str
    model: str
    model_digest: str
    digest: str
    time: float
    report: dict[str, Any]


class ReportStore:
    """Reports, newest last."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, stored: StoredReport) -> None:
        """Insert a report, or replace that of a job that was run again."""
        row = asdict(stored) | {"report": report_text(stored.report)}
        with self._db.write() as tx:
            tx.table("examination_reports").insert(row, replace=True)

    def newest(self, limit: int) -> list[StoredReport]:
        """Return reports, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM examination_reports ORDER BY time DESC, rowid DESC LIMIT ?",
                    [limit],
                )
            )
        return [StoredReport(**{**row, "report": json.loads(row["report"])}) for row in rows]


def report_text(report: dict[str, Any]) -> str:
    """Return a report as the text that its digest covers."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
