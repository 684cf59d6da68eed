"""Wire types of the box's posture: what the firmware checks found."""

from datetime import datetime
from typing import Literal

from appliance.contract.base import Text, Wire

Verdict = Literal["pass", "fail", "warn", "unknown", "error", "not_applicable"]


class PostureSummary(Wire):
    """The posture in one line: `level` 0 to 4; `digest` names the report inside receipts."""

    verdict: Verdict
    level: int
    digest: str
    checked: datetime | None
    passed: int
    failed: int
    unknown: int
    sentence: Text


class CheckView(Wire):
    """One check: what it found, and what to do."""

    id: str
    title: Text
    verdict: Verdict
    severity: str
    found: Text
    remedy: Text


class PostureReport(Wire):
    """A whole report of the checks."""

    summary: PostureSummary
    checks: tuple[CheckView, ...]
