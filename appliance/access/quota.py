"""Requests and tokens per minute: two token buckets per API key, kept in memory."""

from dataclasses import dataclass
from math import ceil
from typing import Final

_MINUTE_S: Final = 60.0


class Bucket:
    """A token bucket: one minute's allowance at most, refilled evenly.

    The level may go below zero, because what an answer costs is known only after it.
    """

    __slots__ = ("_at", "_capacity", "_level", "_rate")

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = float(per_minute)
        self._rate = per_minute / _MINUTE_S
        self._level = self._capacity
        self._at = now

    def level(self, now: float) -> float:
        """Return what is left at `now` (Unix seconds); a clock that steps back refills nothing."""
        if now > self._at:
            self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level

    def spend(self, amount: float) -> None:
        """Take `amount` out, below zero if need be."""
        self._level -= amount

    def wait_s(self, needed: float) -> int:
        """Return the whole seconds until `needed` would be there, at least 1."""
        missing = needed - self._level
        return max(1, ceil(missing / self._rate)) if self._rate > 0 else int(_MINUTE_S)


@dataclass(slots=True)
class Quota:
    """The limits of one key; None means unlimited."""

    requests: Bucket | None
    tokens: Bucket | None

    @classmethod
    def of(cls, rpm: int | None, tpm: int | None, now: float) -> "Quota | None":
        """Make the quota of a key, or None when the key has no limit."""
        if rpm is None and tpm is None:
            return None
        return cls(
            None if rpm is None else Bucket(rpm, now), None if tpm is None else Bucket(tpm, now)
        )

    def admit(self, now: float) -> tuple[str, int] | None:
        """Count one request in; return (exhausted limit, seconds to wait) when it does not fit.

        A refused request costs nothing.
        """
        if self.tokens is not None and self.tokens.level(now) <= 0:
            return "tokens", self.tokens.wait_s(1.0)
        if self.requests is not None:
            if self.requests.level(now) < 1:
                return "requests", self.requests.wait_s(1.0)
            self.requests.spend(1)
        return None

    def charge(self, tokens: int, now: float) -> None:
        """Take the tokens of a finished request out."""
        if self.tokens is not None:
            self.tokens.level(now)
            self.tokens.spend(tokens)
