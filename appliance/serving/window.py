"""The hours of a day in which something may run, such as training at night."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from typing_extensions import override

from appliance.serving.errors import WindowMalformed

DAY_MIN: Final = 24 * 60
_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` until before `closes`, minutes of the local day; it may span midnight."""

    opens: int
    closes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "22:00-06:00". Raises WindowMalformed."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise WindowMalformed(window=ascii(text[:40]))
        hours = [int(part) for part in found.groups()]
        window = cls(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
        if window.opens == window.closes:
            raise WindowMalformed(window=text)
        return window

    @override
    def __str__(self) -> str:
        return (
            f"{self.opens // 60:02}:{self.opens % 60:02}"
            f"-{self.closes // 60:02}:{self.closes % 60:02}"
        )

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day lies inside."""
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes

    def minutes_until(self, minute: int) -> int:
        """Minutes from a minute of the day until it opens; 0 inside."""
        return 0 if self.holds(minute) else (self.opens - minute) % DAY_MIN


def local_minute(now: float) -> int:
    """The minute of the day on the box's own clock at a time in Unix seconds."""
    local = datetime.fromtimestamp(now, UTC).astimezone()
    return local.hour * 60 + local.minute
