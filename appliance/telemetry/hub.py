"""The event stream's memory: what happened on the box lately, for whoever follows or comes back."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from appliance.telemetry.errors import TooManyFollowers

KEPT: Final = 1024
MOST_FOLLOWERS: Final = 64
MISSED: Final = "missed"
DROPPED: Final = "dropped"
ENDED: Final = "ended"
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened.

    Attributes:
        id: Where a follower comes back to: "<life of the process>-<number>"; "" for a notice.
        kind: "engine", "job", "alert", "vault" or "update"; `MISSED`, `DROPPED` and `ENDED` are
            notices to one follower.
        subject: The model, job or alert it is about.
        time: Unix time in seconds.
        data: What to say of it; no content.
    """

    id: str
    kind: str
    subject: str
    time: float
    data: dict[str, Any]


Wanted = Callable[[News], bool]


class EventHub:
    """A bounded ring of news that any number of followers read, each at its own pace.

    Nothing is queued for a follower: it reads the ring, and one that falls behind the ring's end is
    told so and dropped. What it cost the box is its place in the list, not its backlog.

    Lives on one event loop.
    """

    def __init__(self, clock: Callable[[], float], kept: int = KEPT) -> None:
        self._clock = clock
        self._life = secrets.token_hex(4)
        self._ring: deque[News] = deque(maxlen=kept)
        self._next = 1
        self._followers = 0
        self._arrived = asyncio.Event()

    @property
    def followers(self) -> int:
        """How many follow now."""
        return self._followers

    def tell(self, kind: str, subject: str, data: dict[str, Any]) -> None:
        """Say that something happened."""
        news = News(f"{self._life}-{self._next}", kind, subject, self._clock(), data)
        self._ring.append(news)
        self._next += 1
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    def follow(
        self, last_id: str, wanted: Wanted, alive: Callable[[], bool] = lambda: True
    ) -> AsyncGenerator[News]:
        """Yield what came after `last_id` and what comes, until the follower is too slow.

        Args:
            last_id: the id of the last news the follower has; "" begins with what comes next. One
                that the ring does not hold any more, or of an earlier life of the process, begins
                with a notice `MISSED` and then all that the ring holds.
            wanted: what the follower may see; asked anew for each.
            alive: whether it may follow still; asked twice a second, so that a revoked key's stream
                ends with a notice `ENDED` also while nothing happens.

        Raises:
            TooManyFollowers: at once, before the first news.
        """
        if self._followers >= MOST_FOLLOWERS:
            raise TooManyFollowers(most=MOST_FOLLOWERS)
        return self._read(last_id, wanted, alive)

    async def _read(
        self, last_id: str, wanted: Wanted, alive: Callable[[], bool]
    ) -> AsyncGenerator[News]:
        self._followers += 1
        try:
            at, missed = self._place(last_id)
            if missed:
                yield self._notice(MISSED)
            while True:
                arrived = self._arrived
                while at < self._next:
                    if at < self._first():
                        yield self._notice(DROPPED)
                        return
                    news = self._ring[at - self._first()]
                    at += 1
                    if wanted(news):
                        yield news
                if not alive():
                    yield self._notice(ENDED)
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(arrived.wait(), _LOOK_S)
        finally:
            self._followers -= 1

    def _first(self) -> int:
        return self._next - len(self._ring)

    def _place(self, last_id: str) -> tuple[int, bool]:
        """The number to go on with, and whether anything before it is lost."""
        if not last_id:
            return self._next, False
        life, _, number = last_id.partition("-")
        known = life == self._life and number.isascii() and number.isdigit()
        after = int(number[:18]) + 1 if known else 0
        if self._first() <= after <= self._next:
            return after, False
        return self._first(), True

    def _notice(self, kind: str) -> News:
        return News("", kind, "", self._clock(), {})
