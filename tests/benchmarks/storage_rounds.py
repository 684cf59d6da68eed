"""Ratios of things measured turn by turn: the median of the rounds, and how far it can be trusted."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Final

from typing_extensions import override

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median ratio with a range that holds it with at least 95 % certainty, where rounds suffice."""

    middle: float
    low: float
    high: float
    rounds: int

    @property
    def sure(self) -> bool:
        """Whether there were enough rounds for such a range at all (six)."""
        return _trimmed(self.rounds) is not None

    @override
    def __str__(self) -> str:
        doubt = "" if self.sure else ", too few rounds for 95 %"
        return f"{self.middle:.3f} [{self.low:.3f}, {self.high:.3f}{doubt}]"


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Median of ours / theirs over rounds, each round measured side by side.

    The range is between order statistics (the sign test turned round), so one round that the machine
    spent on something else moves nothing; with fewer than six rounds it is the whole span.
    """
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    cut = _trimmed(len(ratios)) or 0
    low, high = ratios[cut], ratios[len(ratios) - 1 - cut]
    return Ratio(statistics.median(ratios), low, high, len(ratios))


def _trimmed(rounds: int) -> int | None:
    """How many of the smallest and of the largest ratios lie outside the range."""
    outside, cut = 0.0, None
    for candidate in range(rounds // 2):
        outside += 2 * comb(rounds, candidate) / 2**rounds
        if outside > 1 - CONFIDENCE:
            break
        cut = candidate
    return cut


def judged(name: str, ratio: Ratio, goal: float) -> bool:
    """Print one line with a verdict; whether the goal is met."""
    met = ratio.middle >= goal
    print(f"  {name:44} {ratio}  goal {goal:.2f}: {'met' if met else 'MISSED'}", flush=True)
    return met


def told(name: str, ratio: Ratio) -> None:
    """Print a ratio that has no goal."""
    print(f"  {name:44} {ratio}", flush=True)


class Noise:
    """What else the machine did between its making and `told`: figures taken beside it are rough."""

    def __init__(self) -> None:
        self._began = _ticks()
        self._own = os.times()

    def told(self) -> None:
        """Print the share of the processors that others had, and that the host kept for itself."""
        now, own = _ticks(), os.times()
        spans = [later - earlier for later, earlier in zip(now, self._began, strict=True)]
        ours = sum(own[:4]) - sum(self._own[:4])
        total = max(1, sum(spans))
        idle, stolen = spans[3] + spans[4], spans[7]
        others = max(0.0, total - idle - stolen - ours * os.sysconf("SC_CLK_TCK"))
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        print(
            f"  meanwhile others had {others / total:.0%} of {cores} processors, the host {stolen / total:.0%};"
            f" load {load:.1f}",
            flush=True,
        )


def _ticks() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal of all processors (proc(5))."""
    with Path("/proc/stat").open(encoding="ascii") as stream:
        return [int(text) for text in stream.readline().split()[1:9]]
