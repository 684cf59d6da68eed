"""What the audit writer adds to the counters: commits, their events, and how long each took."""

from bisect import bisect_left
from typing import Final

BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)
"""Upper bounds of the buckets of a commit's duration, seconds."""


class Commits:
    """Counts group commits; one thread writes, readers may see a commit half counted."""

    __slots__ = ("buckets", "events", "seconds", "waiting")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0
        self.events = 0
        self.waiting = 0

    def committed(self, events: int, seconds: float, waiting: int) -> None:
        """Count one commit.

        Args:
            events: how many became durable together.
            seconds: how long the commit took.
            waiting: how many wait for the next one.
        """
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds
        self.events += events
        self.waiting = waiting
