"""What all checks found on one machine: verdicts, posture level, digest, and JSON."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from firmware_checks.check import Check, Outcome, Verdict

SCHEMA: Final = "wardbox.firmware-report.v1"
TOP_LEVEL: Final = 4
_GOOD: Final = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})
_LABELS: Final = MappingProxyType(
    {
        0: ("未达标", "below the floor"),
        1: ("基本", "basic"),
        2: ("较好", "guarded"),
        3: ("可靠", "hardened"),
        4: ("最高", "confidential"),
    },
)


@dataclass(frozen=True, slots=True)
class Posture:
    """How sound the ground is.

    Attributes:
        level: 0 to 4; level n holds when every check of levels 1 to n passes or does not apply.
        label_zh: The level in a word, in Chinese.
        label_en: The level in a word, in English.
        next_level: The level above; None at the top.
        missing: Ids of the checks that stand between this level and the next.
    """

    level: int
    label_zh: str
    label_en: str
    next_level: int | None
    missing: tuple[str, ...]

    @property
    def label(self) -> str:
        """The level in a word, Chinese and English."""
        return f"{self.label_zh} {self.label_en}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what it found."""

    check: Check
    verdict: Verdict

    @property
    def good(self) -> bool:
        """Whether it passes or does not apply; "could not check" is not good."""
        return self.verdict.outcome in _GOOD


@dataclass(frozen=True)
class Report:
    """The outcome of one run, in the order of the catalogue."""

    findings: tuple[Finding, ...]

    @cached_property
    def posture(self) -> Posture:
        """The highest level all of whose checks, and all below, are good."""
        level = 0
        missing: tuple[str, ...] = ()
        while level < TOP_LEVEL:
            missing = tuple(
                finding.check.id
                for finding in self.findings
                if finding.check.level == level + 1 and not finding.good
            )
            # A level that no check speaks for is not reached: nothing was looked at.
            if missing or not any(found.check.level == level + 1 for found in self.findings):
                break
            level += 1
        label_zh, label_en = _LABELS[level]
        above = level + 1 if level < TOP_LEVEL else None
        return Posture(level, label_zh, label_en, above, missing)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many checks have each outcome; all four outcomes are there."""
        found = Counter(finding.verdict.outcome for finding in self.findings)
        return {outcome.value: found[outcome] for outcome in Outcome}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the verdicts and their steady evidence, in lower-case hexadecimal.

        The bytes are JSON with sorted keys, no blanks, UTF-8: the same machine in the same state
        gives the same digest, whatever the time.
        """
        verdicts = [
            {
                "id": finding.check.id,
                "level": finding.check.level,
                "outcome": finding.verdict.outcome.value,
                "evidence": [
                    [evidence.source, evidence.value]
                    for evidence in finding.verdict.evidence
                    if evidence.steady
                ],
            }
            for finding in self.findings
        ]
        content = {"schema": SCHEMA, "verdicts": verdicts}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()

    @property
    def exit_status(self) -> int:
        """0 sound, 1 when any check failed, 2 when none failed but some could not check."""
        if self.counts[Outcome.FAIL.value]:
            return 1
        if self.counts[Outcome.COULD_NOT_CHECK.value] or not self.findings:
            return 2
        return 0

    def as_json(self) -> dict[str, object]:
        """The report as values ready for JSON; keys are stable."""
        posture = self.posture
        return {
            "schema": SCHEMA,
            "digest": self.digest,
            "posture": {
                "level": posture.level,
                "label": {"zh": posture.label_zh, "en": posture.label_en},
                "next_level": posture.next_level,
                "missing": list(posture.missing),
            },
            "counts": dict(self.counts),
            "exit_status": self.exit_status,
            "checks": [_finding(finding) for finding in self.findings],
        }


def _finding(finding: Finding) -> dict[str, object]:
    check, verdict = finding.check, finding.verdict
    return {
        "id": check.id,
        "level": check.level,
        "impact": check.impact.value,
        "outcome": verdict.outcome.value,
        "title": {"zh": check.zh.title, "en": check.en.title},
        "reason": {"zh": verdict.zh, "en": verdict.en},
        "harm": {"zh": check.zh.harm, "en": check.en.harm},
        "remedy": {"zh": check.zh.remedy, "en": check.en.remedy},
        "references": list(check.references),
        "evidence": [
            {"source": evidence.source, "value": evidence.value} for evidence in verdict.evidence
        ],
    }
