"""The report of a run: shares with their intervals, and everything needed to repeat it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.case import Score
from eval.intervals import Interval, clustered, wilson
from eval.suite import Suite


@dataclass(frozen=True, slots=True)
class AbilityReport:
    """One ability's outcome.

    Attributes:
        passed: Wilson interval of the share of cases passed.
        parts: cluster-robust interval of `hits / parts` (fields of a note, constraints).
        marks: further shares by name.
        unanswered: cases to which the model said nothing; they count as failed.
    """

    suite: Suite
    passed: Interval
    cases_passed: int
    parts: Interval
    hits: int
    of: int
    marks: Mapping[str, tuple[int, int]]
    unanswered: int

    def to_json(self) -> dict[str, Any]:
        """The wire form."""
        return {
            "ability": self.suite.ability.id,
            "name": {"zh": self.suite.ability.zh, "en": self.suite.ability.en},
            "class": self.suite.ability.key_class,
            "metric": self.suite.ability.metric,
            "seed": self.suite.seed,
            "bank_digest": self.suite.digest,
            "cases": len(self.suite.cases),
            "distinct_facts": self.suite.facts,
            "below_tender_size": self.suite.below_tender_size,
            "passed": {"count": self.cases_passed, **_bounds(self.passed)},
            "parts": {"hits": self.hits, "of": self.of, **_bounds(self.parts)},
            "marks": {
                name: {"hits": hits, "of": of, **_bounds(wilson(hits, of))}
                for name, (hits, of) in self.marks.items()
            },
            "unanswered": self.unanswered,
        }


def judge(suite: Suite, scores: Sequence[Score], unanswered: int) -> AbilityReport:
    """Sum up the scores of one suite."""
    passed = sum(score.passed for score in scores)
    counts = [(score.hits, score.parts) for score in scores]
    marks: dict[str, tuple[int, int]] = {}
    for score in scores:
        for name, (hits, of) in score.marks.items():
            before = marks.get(name, (0, 0))
            marks[name] = (before[0] + hits, before[1] + of)
    return AbilityReport(
        suite=suite,
        passed=wilson(passed, len(scores)),
        cases_passed=passed,
        parts=clustered(counts),
        hits=sum(hits for hits, _ in counts),
        of=sum(of for _, of in counts),
        marks=marks,
        unanswered=unanswered,
    )


def _bounds(interval: Interval) -> dict[str, float]:
    return {
        "share": round(interval.share, 6),
        "low": round(interval.low, 6),
        "high": round(interval.high, 6),
    }
