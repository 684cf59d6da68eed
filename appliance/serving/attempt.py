"""One request on its way over the boxes of a cluster: to the least busy, and on when that one dies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.cluster.door import BUSY, ELSEWHERE, GONE
from appliance.cluster.replicas import Replica, ReplicaBook
from appliance.serving.errors import EngineBusy, EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.peer_pool import PeerPools
from appliance.serving.resident import Resident
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from models.errors import EngineDraining

# A request that was with an engine when it died is put to one other, no more: it may be the cause.
_RETRIES: Final = 1
BUSY_S: Final = 2


@dataclass(frozen=True, slots=True)
class Abroad:
    """The other boxes: what they offer, the connections to them, and the count of requests."""

    book: ReplicaBook
    pools: PeerPools
    traffic: Traffic

    def replicas(self, upstream: Upstream, adapter: str | None) -> list[Replica]:
        """The boxes that may answer in place of an upstream, the least busy first."""
        return [one for one in self.book.fit(upstream.model, adapter) if same(one, upstream)]


class _Seat(Protocol):
    """A place where a request can be answered."""

    @property
    def full(self) -> bool: ...

    def enter(self) -> None: ...

    def leave(self) -> None: ...

    def heard(self) -> None: ...

    async def ask(self, path: str, body: bytes, asker: str, *, patient: bool) -> Exchange: ...


class Home:
    """This box."""

    def __init__(self, upstream: Upstream, one: Resident | None) -> None:
        self._upstream = upstream
        self._one = one

    @property
    def busy(self) -> float:
        """Requests with its engine, as a share of its slots."""
        one = self._one
        if one is None or one.supervisor is None:
            return 0.0
        return one.in_flight / max(1, one.supervisor.spec.placement.slots)

    @property
    def full(self) -> bool:
        """Whether a request has to wait for a place."""
        return self._upstream.pool.full

    def enter(self) -> None:
        """Count a request in. Raises EngineDraining."""
        self._upstream.enter()

    def leave(self) -> None:
        """Count it out."""
        self._upstream.leave()

    def heard(self) -> None:
        """A piece of its answer came."""
        self._upstream.heard()

    async def ask(self, path: str, body: bytes, asker: str, *, patient: bool) -> Exchange:
        """Put it to the engine, with the members that are the box's own."""
        upstream = self._upstream
        members = upstream.tail
        if upstream.salt is not None:
            members += upstream.salt(asker)
        whole = body[:-1] + members + b"}" if members else body
        return await upstream.pool.ask(path, whole, asker, patient=patient)


class _Away:
    """Another box; its door adds the members that its own engine is given."""

    def __init__(
        self, abroad: Abroad, replica: Replica, salt: Callable[[str], bytes] | None
    ) -> None:
        self.replica = replica
        self._abroad = abroad
        self._salt = salt

    @property
    def full(self) -> bool:
        return self._abroad.pools.full(self.replica)

    def enter(self) -> None:
        self._count(1)

    def leave(self) -> None:
        self._count(-1)

    def heard(self) -> None:
        self._abroad.book.well(self.replica.address)

    async def ask(self, path: str, body: bytes, asker: str, *, patient: bool) -> Exchange:
        members = b"" if self._salt is None else self._salt(asker)
        whole = body[:-1] + members + b"}" if members else body
        exchange = await self._abroad.pools.ask(self.replica, path, whole, asker, patient=patient)
        refusal = _refusal(exchange.status)
        if refusal is not None:
            exchange.abort()
            raise refusal
        return exchange

    def _count(self, by: int) -> None:
        self._abroad.book.take(self.replica.address, self.replica.offer.model, by)
        self._abroad.traffic.in_flight += by


def _refusal(status: int) -> Exception | None:
    """What the peer door of another box means by a status that no engine answers with."""
    if status == GONE:
        return EngineGone(reason="peer")
    if status == ELSEWHERE:
        return EngineDraining()
    return EngineBusy(waiting=0, retry_after_s=BUSY_S) if status == BUSY else None


class Attempt:
    """One request on its way to whichever box answers it.

    It is put to the least busy box. A box that dies before the first byte of an answer, or before
    the last one while nobody has seen any, rests, and the request moves on: once, however far the
    answer had come. A box that says that it cannot take it now costs nothing.

    Args:
        abroad: The other boxes.
        like: What every box that may answer has: model, digests, engine.
        home: This box, where it has the model too.
        adapter: The adapter, or None.
    """

    def __init__(
        self, abroad: Abroad, like: Upstream, home: Home | None, adapter: str | None
    ) -> None:
        self._abroad, self._like = abroad, like
        self._home, self._adapter = home, adapter
        self._tried: set[str] = set()
        self._retries = _RETRIES
        self._seat: _Seat | None = None

    @property
    def full(self) -> bool:
        """Whether the request has to wait for a place at its seat."""
        return self._seat is not None and self._seat.full

    def enter(self) -> None:
        """Take the best seat. Raises EngineDraining when there is none any more."""
        while self._seat is None:
            seat = self._next()
            if seat is None:
                raise EngineDraining
            try:
                seat.enter()
            except EngineDraining:
                continue
            self._seat = seat

    def leave(self) -> None:
        """Give the seat back."""
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.leave()

    def heard(self) -> None:
        """A piece of the answer came."""
        if self._seat is not None:
            self._seat.heard()

    async def ask(
        self, path: str, body: bytes, asker: str = "", *, patient: bool = False
    ) -> Exchange:
        """Put the request to the seat, or to another one when that fails before the first byte.

        Raises:
            ApplianceError, ModelsError: as the last of them did.
        """
        while True:
            seat = self._seat
            if seat is None:
                raise EngineDraining
            try:
                return await seat.ask(path, body, asker, patient=patient)
            except (EngineGone, EngineDraining, EngineBusy) as error:
                if not self._move(seat, error):
                    raise

    def moves_on(self, error: Exception) -> bool:
        """Whether there is a seat for a request whose answer broke off unseen; `ask` goes there."""
        seat = self._seat
        return seat is not None and self._move(seat, error)

    def _note(self, seat: _Seat, error: Exception) -> None:
        if not isinstance(seat, _Away):
            return
        replica = seat.replica
        if isinstance(error, EngineGone):
            self._abroad.book.failed(replica.address)
        elif isinstance(error, EngineDraining):
            offer = replica.offer
            self._abroad.book.elsewhere(replica.address, offer.model, offer.adapter)

    def _move(self, seat: _Seat, error: Exception) -> bool:
        """Give a seat up for another one; whether there is one, and the request may go there."""
        if isinstance(error, EngineGone):
            self._retries -= 1
        self._note(seat, error)
        if self._retries < 0:
            return False
        self.leave()
        try:
            self.enter()
        except EngineDraining:
            # The refusal that led here is what the caller is told; its seat is given back once.
            self._seat = None
            return False
        return True

    def _next(self) -> _Seat | None:
        """The least busy box that was not tried; this one when equal."""
        away: Sequence[Replica] = [
            one
            for one in self._abroad.replicas(self._like, self._adapter)
            if one.address not in self._tried
        ]
        home = self._home if "" not in self._tried else None
        if home is not None and (not away or home.busy <= away[0].busy):
            self._tried.add("")
            return home
        if not away:
            return None
        self._tried.add(away[0].address)
        return _Away(self._abroad, away[0], self._like.salt)


def same(replica: Replica, upstream: Upstream) -> bool:
    """Whether a box would answer with the same weights, asked in the same way."""
    offer = replica.offer
    return (
        offer.content == upstream.content
        and offer.engine == upstream.engine
        and offer.called == upstream.called
    )
