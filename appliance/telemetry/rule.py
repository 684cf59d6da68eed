"""What a rule of the alerts is: facts in, findings out, with the sentences that people read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from appliance.telemetry.facts import Facts

Severity = Literal["warning", "critical"]
Value = str | int | float
Raised = Callable[[str], bool]
"""Whether the rule is raised for a subject already: what is raised clears at another threshold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule objects to; `facts` fill the rule's sentences."""

    subject: str
    facts: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: Its lasting name.
        severity: "warning" or "critical".
        zh: The sentence in Chinese, with placeholders for the finding's facts.
        en: The same in English.
        way_out_zh: What to do.
        way_out_en: The same in English.
        judge: Facts and what is raised to findings; None when the facts do not tell.
        hold_s: How long a finding must stand before it raises the alert.
        calm_s: How long it must be gone before the alert clears.
    """

    id: str
    severity: Severity
    zh: str
    en: str
    way_out_zh: str
    way_out_en: str
    judge: Callable[[Facts, Raised], tuple[Finding, ...] | None]
    hold_s: float = 0.0
    calm_s: float = 60.0


def above(value: float, high: float, low: float, *, raised: bool) -> bool:
    """Whether a value is too high: from `high` on, and once raised until it is below `low`."""
    return value >= (low if raised else high)
