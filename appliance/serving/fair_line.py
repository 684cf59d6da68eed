"""Who waits for a place at an engine and whose turn is next: fair between keys, starving nobody.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) over the keys that wait, by the tokens
that their requests may take. It costs nothing as long as nobody waits.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

from appliance.serving.errors import EngineBusy, ShareFull

if TYPE_CHECKING:
    import asyncio

LEAST_COST: Final = 64.0
MOST_COST: Final = 4096.0
MOST_BYTES: Final = 256 << 20
"""Bytes of all bodies that wait."""
# A request that nobody waits for is worth so many of the same kind: it comes late, but it comes.
PATIENCE: Final = 8.0
_PATIENT: Final = " patient"
# What an answer is taken for where its length was not asked for.
_UNTOLD: Final = 512
_BYTES_PER_TOKEN: Final = 4
_WEIGHT: Final = 0.2
_FIRST_PACE_S: Final = 2.0
_LONGEST_WAIT_S: Final = 60


@dataclass(slots=True, eq=False)
class Ticket:
    """One request that waits; `waiter` is whom its turn is told to."""

    lane: "Lane"
    cost: float
    size: int = 0
    waiter: "asyncio.Future[None] | None" = None


@dataclass(slots=True, eq=False)
class Lane:
    """The requests of one asker, in the order of their coming; `start` is when the first is due."""

    asker: str
    start: float
    tickets: deque[Ticket] = field(default_factory=deque)
    size: int = 0


class FairLine:
    """The line of one engine. It knows no clock and no loop; live on one of them.

    Every asker has a lane. The lane whose next request is due first has the next turn, and its
    following request is due later by what this one may cost: askers share turns out by tokens,
    and who comes newly is served before who has had much. A lane is never more than one request
    ahead of another that waits.

    Args:
        most: The most requests that may wait. One asker may have as many waiting as places are
            left over by all together: alone up to half, so that who comes later finds room.
        most_bytes: The most bytes that their bodies may have, shared in the same way.
    """

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.waiting = 0
        self.size = 0
        self._now = 0.0
        self._lanes: dict[str, Lane] = {}
        # Askers that wait for nothing now but had a turn a moment ago, and when they are due again.
        self._resting: dict[str, float] = {}
        self._pace = _FIRST_PACE_S
        self._turned: float | None = None

    def join(self, asker: str, cost: float, size: int = 0, *, patient: bool = False) -> Ticket:
        """Stand in line.

        Args:
            asker: Between whom turns are shared out.
            cost: Tokens that the request may take.
            size: Bytes of its body.
            patient: Whether nobody waits for it, as for a batch's: it has a lane of its own.

        Raises:
            ShareFull: This asker has its share of waiting requests.
            EngineBusy: All together are too many.
        """
        name = asker + _PATIENT if patient else asker
        lane = self._lanes.get(name)
        free, room = self.most - self.waiting, self.most_bytes - self.size
        if lane is not None and (len(lane.tickets) >= free or lane.size + size > room):
            own = len(lane.tickets)
            raise ShareFull(waiting=own, **self._facts(own, len(self._lanes)))
        if free <= 0 or size > room:
            raise EngineBusy(waiting=self.waiting, **self._facts(self.most, 1))
        if lane is None:
            start = max(self._now, self._resting.pop(name, 0.0))
            lane = self._lanes[name] = Lane(name, start)
        bounded = min(MOST_COST, max(LEAST_COST, cost))
        ticket = Ticket(lane, bounded * PATIENCE if patient else bounded, size)
        lane.tickets.append(ticket)
        self.waiting += 1
        lane.size += size
        self.size += size
        return ticket

    def leave(self, ticket: Ticket) -> bool:
        """Wait no longer; False when it had its turn."""
        lane = ticket.lane
        if ticket not in lane.tickets:
            return False
        lane.tickets.remove(ticket)
        self._gone(lane, ticket)
        return True

    def next(self, at: float) -> Ticket | None:
        """Whose turn it is, taken out of the line; None when nobody waits.

        Args:
            at: Seconds on any clock that runs evenly; the time between turns is measured by it.
        """
        if not self._lanes:
            return None
        lane = min(self._lanes.values(), key=_start)
        ticket = lane.tickets.popleft()
        self._now = lane.start
        lane.start += ticket.cost
        if self._turned is not None:
            self._pace += _WEIGHT * (at - self._turned - self._pace)
        self._turned = at
        self._gone(lane, ticket)
        return ticket

    def drop(self, over: Callable[[str], bool]) -> Iterator[Ticket]:
        """Whoever waits for an asker that is `over`, taken out of the line."""
        for lane in [one for one in self._lanes.values() if over(one.asker.removesuffix(_PATIENT))]:
            for ticket in tuple(lane.tickets):
                self.leave(ticket)
                yield ticket

    def clear(self) -> Iterator[Ticket]:
        """Everybody who waits, taken out of the line."""
        lanes, self._lanes = self._lanes, {}
        self.waiting, self.size, self._turned = 0, 0, None
        for lane in lanes.values():
            while lane.tickets:
                yield lane.tickets.popleft()

    def _gone(self, lane: Lane, ticket: Ticket) -> None:
        """One of a lane is gone; an empty lane is remembered as long as it is ahead."""
        self.waiting -= 1
        lane.size -= ticket.size
        self.size -= ticket.size
        if not self.waiting:
            # The next turn comes when somebody asks, which is no measure of the engine.
            self._turned = None
        if lane.tickets:
            return
        del self._lanes[lane.asker]
        if lane.start > self._now:
            self._resting[lane.asker] = lane.start
            if len(self._resting) > self.most:
                self._forget()

    def _forget(self) -> None:
        ahead = {name: due for name, due in self._resting.items() if due > self._now}
        while len(ahead) > self.most:
            del ahead[next(iter(ahead))]
        self._resting = ahead

    def _facts(self, bound: int, turns: int) -> dict[str, object]:
        """When to come again, and the bound, as the headers of OpenAI's limits tell theirs."""
        wait = min(_LONGEST_WAIT_S, max(1, ceil(self._pace * turns)))
        limits = (
            (b"x-ratelimit-limit-waiting", b"%d" % bound),
            (b"x-ratelimit-remaining-waiting", b"0"),
            (b"x-ratelimit-reset-waiting", b"%ds" % wait),
        )
        return {"retry_after_s": wait, "limits": limits}


class _Length(msgspec.Struct):
    """What a request for an engine says about the length of its answer."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n_predict: int | None = None


_LENGTH: Final = msgspec.json.Decoder(_Length)


def cost_of(body: bytes) -> float:
    """Tokens that a request may take: its own, by its bytes, and those of the longest answer.

    An estimate, which only decides whose turn is next; metering counts what was really used.
    """
    try:
        told = _LENGTH.decode(body)
    except msgspec.MsgspecError:
        told = _Length()
    longest = told.max_tokens or told.max_completion_tokens or told.n_predict or _UNTOLD
    return len(body) / _BYTES_PER_TOKEN + max(0, longest)


def _start(lane: Lane) -> float:
    return lane.start
