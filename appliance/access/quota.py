"""The quota of one API key: requests and tokens per minute, day and month, counted in memory."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from appliance.access.limits import REQUESTS, TOKENS, Limit, Limits, Minute, Window
from appliance.access.windows import Calendar

_KINDS: Final = (REQUESTS, TOKENS)
# How many requests, and for how long, are let in by one look at all limits. Short, because what
# flows back meanwhile is not counted: a key is never given more than its limit, at most a little less.
_CREDIT: Final = 256
_CREDIT_S: Final = 0.25
_FIELDS: Final = {
    (REQUESTS, "minute"): "rpm",
    (TOKENS, "minute"): "tpm",
    (REQUESTS, "day"): "rpd",
    (TOKENS, "day"): "tpd",
    (REQUESTS, "month"): "rpmo",
    (TOKENS, "month"): "tpmo",
}
# One, less what adding up parts of a second may lose.
_ONE: Final = 0.999_999
_MINUTE: Final = 60
_HOUR: Final = 3600

Header = tuple[bytes, bytes]
_NAMES: Final = {
    kind: (
        f"x-ratelimit-limit-{kind}".encode(),
        f"x-ratelimit-remaining-{kind}".encode(),
        f"x-ratelimit-reset-{kind}".encode(),
    )
    for kind in _KINDS
}


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A limit that is used up.

    Attributes:
        limit: "requests" or "tokens".
        window: "minute", "day" or "month".
        wait_s: whole seconds until the next request may come.
    """

    limit: str
    window: str
    wait_s: int


@dataclass(frozen=True, slots=True)
class Count:
    """What a key used of one limit in one calendar window; `start` in Unix seconds."""

    limit: str
    window: str
    start: int
    used: int


class Quota:
    """The limits of one key. Every method may be called from any thread.

    `admit` and `charge` run for every request. They work on a credit: as long as a look at all
    limits has found room, requests only count it down. Requests never exceed a limit. Tokens are
    known only after an answer: a request is let in while some are left, and a minute that went
    below zero has to flow back first.
    """

    __slots__ = (
        "_calendar",
        "_credit",
        "_from",
        "_limits",
        "_lock",
        "_room",
        "_told",
        "_until",
        "_used",
        "limits",
    )

    def __init__(
        self, limits: Limits, calendar: Calendar, now: float, counts: Iterable[Count] = ()
    ) -> None:
        self._lock = threading.Lock()
        self._calendar = calendar
        self.limits = Limits()
        self._limits: dict[str, tuple[Limit, ...]] = {REQUESTS: (), TOKENS: ()}
        self._used = {REQUESTS: 0, TOKENS: 0}
        self._told: tuple[_Told, ...] | None = None
        self._credit = 0
        self._room = 0.0
        self._from = self._until = now
        self.change(limits, now, counts)

    def admit(self, now: float) -> Exhausted | None:
        """Count one request in, or tell which limit is used up; a refused request costs nothing."""
        with self._lock:
            if self._credit > 0 and self._from <= now < self._until:
                self._credit -= 1
                self._used[REQUESTS] += 1
                return None
            return self._look(now)

    def charge(self, tokens: int) -> None:
        """Take the tokens of an answer out."""
        with self._lock:
            self._used[TOKENS] += tokens
            self._room -= tokens
            if self._room <= 0:
                self._credit = 0

    def headers(self, now: float) -> tuple[Header, ...]:
        """Return OpenAI's rate-limit headers, each kind by the limit that has least left."""
        with self._lock:
            told = self._told
            if told is None or not self._from <= now < self._until:
                told = self._tell(now)
            used = self._used
            if not told:
                return ()
            if len(told) == 1:
                one = told[0]
                left = one.left - used[one.kind]
                return one.limit, (one.name, b"%d" % left if left > 0 else b"0"), one.reset
            # Both kinds, written out: this runs for every request.
            asked, tokens = told
            left, rest = asked.left - used[REQUESTS], tokens.left - used[TOKENS]
            return (
                asked.limit,
                (asked.name, b"%d" % left if left > 0 else b"0"),
                asked.reset,
                tokens.limit,
                (tokens.name, b"%d" % rest if rest > 0 else b"0"),
                tokens.reset,
            )

    def change(self, limits: Limits, now: float, counts: Iterable[Count] = ()) -> None:
        """Set other limits at once; what was used stays used.

        Args:
            limits: the new limits.
            now: Unix seconds.
            counts: what was used before in calendar windows that were not watched until now.
        """
        known = {(count.limit, count.window, count.start): count.used for count in counts}
        with self._lock:
            self._settle(now)
            for kind in _KINDS:
                self._limits[kind] = tuple(self._made(kind, limits, now, known))
            self.limits = limits
            self._credit = 0
            self._told = None

    def take_counts(self, now: float) -> list[Count]:
        """Return the calendar counts that changed since the last call."""
        with self._lock:
            if any(self._used.values()):
                self._settle(now)
            changed = []
            for kind, limit in self._watched():
                if isinstance(limit, Window) and limit.changed:
                    limit.changed = False
                    changed.append(Count(kind, limit.window, limit.start, limit.used))
            return changed

    def spent(self, now: float) -> list[tuple[str, str, float]]:
        """Return each calendar limit as kind, window and the share of it that is used."""
        with self._lock:
            self._settle(now)
            return [
                (kind, limit.window, 1 - limit.left() / limit.most)
                for kind, limit in self._watched()
                if isinstance(limit, Window) and limit.most
            ]

    def recount(self) -> None:
        """Hand all calendar counts over again next time: the last ones could not be stored."""
        with self._lock:
            for _, limit in self._watched():
                if isinstance(limit, Window):
                    limit.changed = True

    def _watched(self) -> Iterator[tuple[str, Limit]]:
        return ((kind, limit) for kind in _KINDS for limit in self._limits[kind])

    def _made(
        self, kind: str, limits: Limits, now: float, known: dict[tuple[str, str, int], int]
    ) -> Iterator[Limit]:
        before = {limit.window: limit for limit in self._limits[kind]}
        spans = {"day": self._calendar.day, "month": self._calendar.month}
        for window in ("minute", "day", "month"):
            most: int | None = getattr(limits, _FIELDS[kind, window])
            old = before.get(window)
            if most is None:
                continue
            if isinstance(old, Minute):
                old.resize(most)
                yield old
            elif isinstance(old, Window):
                old.most = most
                yield old
            elif window == "minute":
                yield Minute(most, now)
            else:
                fresh = Window(window, most, spans[window], now)
                for (limit, span, start), used in known.items():
                    if (limit, span) == (kind, window):
                        fresh.remember(start, used)
                yield fresh

    def _settle(self, now: float) -> None:
        at = min(now, self._until)
        for kind, limit in self._watched():
            limit.settle(self._used[kind], at, now)
        self._used[REQUESTS] = self._used[TOKENS] = 0
        self._credit = 0
        self._told = None
        self._from = self._until = now

    def _look(self, now: float) -> Exhausted | None:
        self._settle(now)
        credit, room, until = float(_CREDIT), inf, now + _CREDIT_S
        worst: Exhausted | None = None
        for kind, limit in self._watched():
            left = limit.left()
            if left < _ONE:
                wait = limit.wait_s(now)
                if worst is None or wait > worst.wait_s:
                    worst = Exhausted(kind, limit.window, wait)
            until = min(until, limit.until())
            if kind == REQUESTS:
                credit = min(credit, left)
            else:
                room = min(room, left)
        if worst is not None:
            return worst
        self._credit, self._room, self._until = max(0, int(credit + 1 - _ONE) - 1), room, until
        self._used[REQUESTS] = 1
        return None

    def _tell(self, now: float) -> tuple["_Told", ...]:
        if not self._from <= now < self._until:
            self._settle(now)
        told = []
        for kind in _KINDS:
            limits = self._limits[kind]
            if limits:
                tightest = limits[0]
                for limit in limits[1:]:
                    if limit.left() < tightest.left():
                        tightest = limit
                most, remaining, reset = _NAMES[kind]
                told.append(
                    _Told(
                        kind,
                        (most, b"%d" % tightest.most),
                        remaining,
                        int(tightest.left()),
                        (reset, _duration(tightest.reset_s(now, self._used[kind]))),
                    )
                )
        self._told = tuple(told)
        return self._told


@dataclass(frozen=True, slots=True)
class _Told:
    """The headers of one kind, as far as they hold until the next look."""

    kind: str
    limit: Header
    name: bytes
    left: int
    reset: Header


def _duration(seconds: float) -> bytes:
    """A duration as OpenAI writes it: 20ms, 6s, 6m0s, 23h59m59s."""
    if seconds < 1:
        return b"%dms" % ceil(seconds * 1000)
    whole = ceil(seconds)
    if whole < _MINUTE:
        return b"%ds" % whole
    if whole < _HOUR:
        return b"%dm%ds" % divmod(whole, _MINUTE)
    hours, rest = divmod(whole, _HOUR)
    return b"%dh%dm%ds" % (hours, *divmod(rest, _MINUTE))
