"""One limit of an API key: a minute that refills evenly, or a day or month that starts anew."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf
from typing import Final, Protocol

REQUESTS: Final = "requests"
TOKENS: Final = "tokens"
MINUTE_S: Final = 60.0
_REMEMBERED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a key may use; None means no limit of that kind.

    Attributes:
        rpm: requests per minute.
        tpm: tokens (prompt and completion) per minute.
        rpd: requests per day.
        tpd: tokens per day.
        rpmo: requests per calendar month.
        tpmo: tokens per calendar month.
    """

    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    rpmo: int | None = None
    tpmo: int | None = None

    def none(self) -> bool:
        """Tell whether nothing is limited."""
        return self == Limits()


class Limit(Protocol):
    """What a quota asks of each of its limits; times are Unix seconds."""

    window: str
    most: int

    def settle(self, used: int, at: float, now: float) -> None:
        """Take out what was used until `at`, and bring what is left up to `now`."""
        ...

    def left(self) -> float:
        """What is left; below zero when an answer cost more than was there."""
        ...

    def wait_s(self, now: float) -> int:
        """Whole seconds until one more would fit, at least 1."""
        ...

    def reset_s(self, now: float, used: int) -> float:
        """Seconds until everything is there again, when `used` is not taken out yet."""
        ...

    def until(self) -> float:
        """When what is left starts anew; infinity when it flows back evenly."""
        ...


class Minute:
    """A token bucket: one minute's allowance at most, refilled evenly."""

    __slots__ = ("_at", "_level", "_rate", "most", "window")

    def __init__(self, most: int, now: float) -> None:
        self.window = "minute"
        self.most = most
        self._rate = most / MINUTE_S
        self._level = float(most)
        self._at = now

    def settle(self, used: int, at: float, now: float) -> None:
        """Take out what was used until `at`, then refill; a clock that steps back refills nothing."""
        self._refill(at)
        self._level -= used
        self._refill(now)

    def left(self) -> float:
        """What is left; below zero when an answer cost more than was there."""
        return self._level

    def wait_s(self, now: float) -> int:
        """Whole seconds until one more would fit, at least 1."""
        return max(1, ceil((1.0 - self._level) / self._rate - (now - self._at)))

    def reset_s(self, now: float, used: int) -> float:
        """Seconds until the bucket is full."""
        return max(0.0, (self.most - self._level + used) / self._rate - (now - self._at))

    def until(self) -> float:
        """Never: it flows back evenly."""
        return inf

    def resize(self, most: int) -> None:
        """Change the allowance; what was used of it stays used."""
        self._level += most - self.most
        self.most = most
        self._rate = most / MINUTE_S

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._level = min(float(self.most), self._level + (now - self._at) * self._rate)
        self._at = now


class Window:
    """A calendar window: its allowance starts anew with it.

    The use of the last few windows is remembered, so that a clock set back finds the count that
    the window had, and one set forward by mistake does not make the key wait for years.
    """

    __slots__ = ("_earlier", "_end", "_span", "_start", "changed", "most", "used", "window")

    def __init__(
        self, window: str, most: int, span: Callable[[float], tuple[int, int]], now: float
    ) -> None:
        self.window = window
        self.most = most
        self.used = 0
        self.changed = False
        self._span = span
        self._start, self._end = span(now)
        self._earlier: dict[int, int] = {}

    @property
    def start(self) -> int:
        """When the present window began, Unix seconds."""
        return self._start

    def settle(self, used: int, at: float, now: float) -> None:  # noqa: ARG002  # no refill
        """Take out what was used, then turn to the window around `now` with the count it had."""
        if used:
            self.used += used
            self.changed = True
        if self._start <= now < self._end:
            return
        self._earlier[self._start] = self.used
        self._start, self._end = self._span(now)
        self.used = self._earlier.pop(self._start, 0)
        while len(self._earlier) > _REMEMBERED:
            del self._earlier[min(self._earlier)]

    def remember(self, start: int, used: int) -> None:
        """Take a stored count."""
        if start == self._start:
            self.used = max(self.used, used)
        else:
            self._earlier[start] = used

    def left(self) -> float:
        """What is left; below zero when an answer cost more than was there."""
        return self.most - self.used

    def wait_s(self, now: float) -> int:
        """Whole seconds until the next window."""
        return max(1, ceil(self._end - now))

    def reset_s(self, now: float, used: int) -> float:  # noqa: ARG002  # it starts anew anyway
        """Seconds until the next window."""
        return max(0.0, self._end - now)

    def until(self) -> float:
        """When the next window begins."""
        return self._end
