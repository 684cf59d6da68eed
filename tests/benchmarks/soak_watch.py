"""What happens to a box during a soak: its processes are measured, its engine and its writer killed."""

import asyncio
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

import psutil

from tests.benchmarks.soak_box import SoakBox

SAMPLE_S = 2.0
WARM = 1 / 6
"""The share of a run that is not judged: caches fill and pools grow."""
SLACK_MB = 8.0
SLACK_SHARE = 0.05
SLACK_FILES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process: seconds since the beginning, MB of memory, open descriptors."""

    at: float
    mb: float
    files: int


@dataclass(slots=True)
class Watch:
    """Samples by role, and what was killed.

    Attributes:
        box: the box.
        clock: seconds of the loop at the beginning.
    """

    box: SoakBox
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    killed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_engines: int = 0

    async def look(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            found = self.box.processes()
            for role, process in found:
                try:
                    mb = process.memory_info().rss / 1e6
                    sample = Sample(loop.time() - begun, mb, process.num_fds())
                except psutil.Error:
                    continue
                self.samples[role].append(sample)
            self.most_engines = max(self.most_engines, [role for role, _ in found].count("engine"))
            await asyncio.sleep(SAMPLE_S)

    async def kill(self, role: str, every_s: float, times: int | None = None) -> None:
        """kill -9 a process of `role` every so often."""
        done = 0
        while times is None or done < times:
            await asyncio.sleep(every_s)
            done += 1
            for process in self.box.of_role(role)[:1]:
                process.kill()
                self.killed[role] += 1


@dataclass(frozen=True, slots=True)
class Growth:
    """How a role grew: medians of the first and the last third of what is judged, and MB an hour."""

    role: str
    first_mb: float
    last_mb: float
    mb_per_hour: float
    first_files: float
    last_files: float

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, in sentences."""
        told = []
        if self.last_mb - self.first_mb > SLACK_MB + SLACK_SHARE * self.first_mb:
            told.append(
                f"{self.role} grew from {self.first_mb:.0f} to {self.last_mb:.0f} MB:"
                f" {self.mb_per_hour:+.0f} MB an hour"
            )
        if self.last_files - self.first_files > SLACK_FILES:
            told.append(
                f"{self.role} holds {self.last_files:.0f} descriptors, {self.first_files:.0f} before"
            )
        return told


def growth_of(role: str, samples: list[Sample]) -> Growth | None:
    """Judge the samples of one role; None when there are too few of them."""
    last = max((sample.at for sample in samples), default=0.0)
    judged = [sample for sample in samples if sample.at >= WARM * last]
    third = len(judged) // 3
    if third < 3:
        return None
    first, rest = judged[:third], judged[-third:]
    slope = statistics.linear_regression([s.at for s in judged], [s.mb for s in judged]).slope
    return Growth(
        role,
        statistics.median(sample.mb for sample in first),
        statistics.median(sample.mb for sample in rest),
        slope * 3600,
        statistics.median(sample.files for sample in first),
        statistics.median(sample.files for sample in rest),
    )


def longest_absence(samples: list[Sample]) -> float:
    """Seconds of the longest time without a process of a role."""
    return max((after.at - before.at for before, after in pairwise(samples)), default=0.0)
