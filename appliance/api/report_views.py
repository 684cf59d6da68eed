"""From reports, drafts and bundles to what the wire carries."""

from collections.abc import Sequence
from dataclasses import asdict

from appliance.api.views import maybe
from appliance.contract import posture, specialist
from appliance.contract.base import Text
from appliance.posture.service import Checked
from appliance.posture.store import PostureRun
from appliance.specialists import draft as drafts
from appliance.specialists.admission_note import Checked as NoteChecked
from appliance.specialists.admission_note import Delta, Done

_OUTCOMES = {
    "pass": "pass",
    "fail": "fail",
    "not-applicable": "not_applicable",
    "could-not-check": "unknown",
}
_VERDICTS = ("pass", "fail", "unknown")
_UNCHECKED = posture.PostureSummary(
    verdict="unknown",
    level=0,
    digest="unchecked",
    checked=None,
    passed=0,
    failed=0,
    unknown=0,
    sentence=Text(zh="尚未检查", en="not checked yet"),
)


def posture_summary(kept: Checked | None) -> posture.PostureSummary:
    """The posture in one line, of a report's JSON form."""
    if kept is None:
        return _UNCHECKED
    report, checked = kept.report, kept.checked
    counts = report["counts"]
    return posture.PostureSummary.model_validate(
        {
            "verdict": _VERDICTS[report["exit_status"]],
            "level": report["posture"]["level"],
            "digest": report["digest"],
            "checked": maybe(checked),
            "passed": counts["pass"],
            "failed": counts["fail"],
            "unknown": counts["could-not-check"],
            "sentence": report["posture"]["label"],
            "consequence": kept.followed.consequence.word,
        }
    )


def posture_report(kept: Checked | None) -> posture.PostureReport:
    """A whole report of the checks, of its JSON form."""
    if kept is None:
        return posture.PostureReport(summary=_UNCHECKED, checks=())
    report = kept.report
    checks = [
        {
            "id": check["id"],
            "title": check["title"],
            "verdict": _OUTCOMES[check["outcome"]],
            "severity": check["impact"],
            "found": check["reason"],
            "remedy": check["remedy"],
            "harm": check["harm"],
            "level": check["level"],
            "evidence": check["evidence"],
            "references": check["references"],
        }
        for check in report["checks"]
    ]
    followed = kept.followed
    return posture.PostureReport.model_validate(
        {
            "summary": posture_summary(kept),
            "checks": checks,
            "missing": report["posture"]["missing"],
            "followed": {
                "consequence": followed.consequence.word,
                "checks": followed.checks,
            },
        }
    )


def posture_history(runs: Sequence[PostureRun]) -> posture.PostureHistory:
    """The course of the posture."""
    told = [
        {
            **asdict(run),
            "checked": maybe(run.checked),
            "unknown": run.undecided,
        }
        for run in runs
    ]
    for run in told:
        del run["undecided"]
    return posture.PostureHistory.model_validate({"runs": told})


def draft_view(made: drafts.Draft) -> specialist.Draft:
    """A checked draft with its sources."""
    return specialist.Draft.model_validate(
        {
            "note": {"sections": [asdict(section) for section in made.sections], "text": made.text},
            "repairs": [asdict(repair) for repair in made.repairs],
            "flags": [asdict(flag) for flag in made.flags],
            "receipt": made.receipt,
            "model": made.model,
            "seconds": made.seconds,
        }
    )


def draft_event(step: Delta | NoteChecked | Done) -> tuple[str, specialist.DraftEvent]:
    """One event of a streamed draft, with its name."""
    if isinstance(step, Delta):
        return "delta", specialist.DraftEvent(event="delta", text=step.text)
    if isinstance(step, Done):
        return "done", specialist.DraftEvent(event="done", draft=draft_view(step.draft))
    told = {
        "event": "checked",
        "repairs": [asdict(repair) for repair in step.repairs],
        "flags": [asdict(flag) for flag in step.flags],
    }
    return "checked", specialist.DraftEvent.model_validate(told)
