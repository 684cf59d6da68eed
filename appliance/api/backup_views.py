"""What the API shows of backups."""

from datetime import UTC, datetime

from appliance.backup.rules import BackupRules
from appliance.backup.service import BackupService, TargetReport
from appliance.backup.store import RunRecord
from appliance.contract.backup import BackupPlan, BackupRun, BackupTargetView, SnapshotView
from appliance.contract.base import Text
from appliance.telemetry.facts import BackupFacts
from appliance.telemetry.rules_backup import objections


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


def backup_facts(service: BackupService, now: float) -> tuple[BackupFacts, ...]:
    """What metrics and alerts know of the targets; `now` in Unix seconds."""
    return tuple(
        BackupFacts(
            target=one.target.name,
            kind=one.target.kind,
            created_age_s=max(0.0, now - one.good["create"]),
            verified_age_s=max(0.0, now - one.good["verify"]),
            drilled_age_s=max(0.0, now - one.good["drill"]),
            failed=one.failed,
            damaged=one.damaged,
        )
        for one in service.standing()
    )


def wrong_view(service: BackupService, now: float) -> tuple[Text, ...]:
    """What the alerts' rules object to, in words."""
    told = objections(backup_facts(service, now))
    return tuple(
        Text(zh=rule.zh.format(**finding.facts), en=rule.en.format(**finding.facts))
        for rule, finding in told
    )


def plan_view(rules: BackupRules) -> BackupPlan:
    """The plan of the settings."""
    times, keep = rules.times, rules.keep
    return BackupPlan(
        time=times.at,
        verify_day=times.verify_day,
        drill_day=times.drill_day,
        keep_daily=keep.daily,
        keep_weekly=keep.weekly,
        keep_monthly=keep.monthly,
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
