"""Time that never runs backwards, and the steps of the clock that had to be bridged."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from appliance.audit.identifiers import microseconds

STEP_US: Final = 2_000_000
"""A difference beyond this many microseconds is a step, below it ordinary slewing."""


class Timekeeper:
    """Stamps entries.

    Args:
        clock: wall time, with a time zone.
        monotonic: seconds that no one can set.
        floor: the last time that the log holds, microseconds; 0 for a new log.
    """

    def __init__(
        self, clock: Callable[[], datetime], monotonic: Callable[[], float], floor: int
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._floor = floor
        # A clock that stands behind the log was set back while the box was off.
        self._expected = floor
        self._since: float | None = None

    def stamp(self) -> tuple[int, int]:
        """The time for the next entries, and the clock's step since the call before.

        Returns:
            Microseconds since 1970 UTC, never less than before; and the step in microseconds, 0
            while wall clock and monotonic clock agree.
        """
        wall, now = microseconds(self._clock()), self._monotonic()
        if self._since is None:
            step = min(0, wall - self._expected)
        else:
            step = wall - self._expected - round((now - self._since) * 1_000_000)
        self._expected, self._since = wall, now
        self._floor = max(self._floor, wall)
        return self._floor, step if abs(step) > STEP_US else 0
