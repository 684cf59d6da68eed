"""What the API shows of backups."""

from datetime import UTC, datetime

from appliance.backup.service import TargetReport
from appliance.backup.store import RunRecord
from appliance.contract.backup import BackupRun, BackupTargetView, SnapshotView


def target_view(report: TargetReport) -> BackupTargetView:
    """A target with its snapshots, newest first."""
    known = report.target
    rows = [{**row, "time": _moment(row["time"])} for row in reversed(known.snapshots)]
    return BackupTargetView(
        name=known.name,
        kind=known.kind,
        place=known.place,
        pin=known.pin,
        snapshots=tuple(SnapshotView(**row) for row in rows),
        created=_run(report.created),
        verified=_run(report.verified),
        drilled=_run(report.drilled),
    )


def _run(run: RunRecord | None) -> BackupRun | None:
    if run is None:
        return None
    hurts = run.result.get("hurts", ())
    told = (f"{hurt['name']}: {hurt['why']} {hurt['snapshots']}" for hurt in hurts)
    return BackupRun(
        time=_moment(run.time),
        ok=run.ok,
        snapshot=run.snapshot,
        sentence=run.sentence,
        damaged=tuple(told),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
