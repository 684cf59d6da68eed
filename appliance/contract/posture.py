"""Wire types of the box's posture: what the checks found, what followed, and its course."""

from datetime import datetime
from typing import Literal

from appliance.contract.base import Text, Wire

Verdict = Literal["pass", "fail", "warn", "unknown", "error", "not_applicable"]
Follows = Literal["nothing", "warn", "stop-training", "lock-vault"]


class PostureSummary(Wire):
    """The posture in one line: `level` 0 to 4; `digest` names the report inside receipts; what followed."""

    verdict: Verdict
    level: int
    digest: str
    checked: datetime | None
    passed: int
    failed: int
    unknown: int
    sentence: Text
    consequence: Follows = "nothing"


class EvidenceView(Wire):
    """One thing that a check saw: where, and what stood there."""

    source: str
    value: str


class CheckView(Wire):
    """One check: what it found, what that means, and what to do; `level` is the posture level that needs it."""

    id: str
    title: Text
    verdict: Verdict
    severity: str
    found: Text
    remedy: Text
    harm: Text | None = None
    level: int = 0
    evidence: tuple[EvidenceView, ...] = ()
    references: tuple[str, ...] = ()


class FollowedView(Wire):
    """What the box did about it, and the checks that led to it."""

    consequence: Follows
    checks: tuple[str, ...]


class PostureReport(Wire):
    """A whole report of the checks; `missing` stands between this level and the next."""

    summary: PostureSummary
    checks: tuple[CheckView, ...]
    missing: tuple[str, ...] = ()
    followed: FollowedView = FollowedView(consequence="nothing", checks=())


class PostureRun(Wire):
    """One run of the checks in one line; `reason` is boot, night, update or asked."""

    checked: datetime
    actor: str
    reason: str
    digest: str
    level: int
    passed: int
    failed: int
    unknown: int
    consequence: Follows
    version: str


class PostureHistory(Wire):
    """The last runs, newest first."""

    runs: tuple[PostureRun, ...]
