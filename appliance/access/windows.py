"""The calendar of quotas: when a day and a month begin where the box stands."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAY_S: Final = 86_400
_YEAR_END: Final = 12


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and months at a fixed distance from UTC, so that no hour is ever skipped or repeated.

    China keeps UTC+8 all year, without daylight saving, in all of its territory.

    Attributes:
        offset_s: seconds that local time is ahead of UTC; whole hours.
    """

    offset_s: int = 8 * 3600

    def day(self, now: float) -> tuple[int, int]:
        """Return start and end of the day around `now`, Unix seconds, the end outside."""
        start = int((now + self.offset_s) // _DAY_S) * _DAY_S - self.offset_s
        return start, start + _DAY_S

    def begins(self, day: date) -> int:
        """Return the moment at which a day begins, Unix seconds."""
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - self.offset_s

    def month(self, now: float) -> tuple[int, int]:
        """Return start and end of the calendar month around `now`, Unix seconds, the end outside."""
        local = datetime.fromtimestamp(now + self.offset_s, UTC)
        first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if first.month == _YEAR_END:
            after = first.replace(year=first.year + 1, month=1)
        else:
            after = first.replace(month=first.month + 1)
        return int(first.timestamp()) - self.offset_s, int(after.timestamp()) - self.offset_s

    def date(self, seconds: float) -> str:
        """Return the local date of a moment, "2026-01-31"."""
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds + self.offset_s):%F}"

    def time(self, seconds: float) -> str:
        """Return the local time of a moment, "13:00"."""
        return (
            f"{datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds + self.offset_s):%H:%M}"
        )
