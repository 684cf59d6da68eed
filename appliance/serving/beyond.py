"""Which box answers: this one or one of its neighbours, the least busy of those that have the model."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from appliance.cluster.errors import ReplicasGone
from appliance.cluster.replicas import Replica, ReplicaBook
from appliance.serving.attempt import BUSY_S, Abroad, Attempt, Home, same
from appliance.serving.deployment import Split
from appliance.serving.errors import EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.peer_pool import PeerPools
from appliance.serving.resident import Resident
from appliance.serving.room import ModelSource
from appliance.serving.store import Target
from appliance.serving.tails import salt_of
from appliance.serving.traffic import Traffic
from appliance.serving.upstream import Upstream
from models.errors import ModelUnknown

if TYPE_CHECKING:
    from appliance.cluster.announcement import Share


class Reach(Protocol):
    """Hears whether there is anybody beyond this box."""

    def __call__(self, *, anybody: bool) -> None:
        """Say so."""
        ...


class Beyond:
    """Spreads requests over the boxes of a cluster; one event loop.

    It stands in nobody's way where there is no cluster: the serving room knows of it only while
    another box offers something.

    Args:
        book: What other boxes offer.
        pools: Connections to them.
        traffic: Counts requests.
        secret: Key of the salts that keep callers' cached prefixes apart, here and there.
        own: Digest of the weights that this box has under a name, None where it has none.
    """

    def __init__(
        self,
        book: ReplicaBook,
        pools: PeerPools,
        traffic: Traffic,
        secret: bytes,
        own: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.book = book
        self._own = own
        self._abroad = Abroad(book, pools, traffic)
        self._secret = secret
        self._reach: Reach | None = None
        self._splits: dict[str, tuple[tuple[Share, ...], Split]] = {}

    def watched(self, reach: Reach) -> None:
        """Say who hears whether there is anybody."""
        self._reach = reach

    def reach(self, *, anybody: bool) -> None:
        """Another box offers something, or none does any more."""
        if self._reach is not None:
            self._reach(anybody=anybody)

    def lost(self, address: str) -> None:
        """A box fell silent."""
        self._abroad.pools.drop(address)

    def dismiss(self, over: Callable[[str], bool], why: Callable[[], Exception]) -> None:
        """Let nobody wait here for another box whose asker is `over`."""
        self._abroad.pools.dismiss(over, why)

    def offer(
        self, model: str, adapter: str | None, home: Upstream | None, one: Resident | None
    ) -> Upstream | None:
        """The upstream of a model that may be on several boxes; None when it is on none now.

        Boxes that have other weights under the same name are not asked: a receipt names one model.

        Args:
            model: Model id; or a name that another box shares, where this one has no such model.
            adapter: The adapter, or None.
            home: This box's own upstream of it, when it can be asked.
            one: What this box holds of the model.
        """
        found = self.book.fit(model, adapter)
        if home is not None:
            away = [replica for replica in found if same(replica, home)]
            if not away:
                return home
            return self._spread(home, Home(home, one), adapter)
        named = adapter is None and bool(self.book.targets(model))
        if not found and not named:
            return None
        own = self._own(model)
        if own is not None:
            # It is here, though not in memory: who has something else under its name is not asked.
            found, named = self._alike(found, model, own), False
        if found:
            return self._spread(self._of(found[0]), None, adapter)
        return self._by_name(model) if named else None

    async def require(self, model: str, shelf: ModelSource) -> None:
        """Pass a model of this box, and a model or shared name that nobody has.

        Raises:
            ReplicasGone: Only other boxes have it, and none of them answers now.
        """
        if not self.book.known(model, None) and not self.book.targets(model):
            return
        try:
            await asyncio.to_thread(shelf.get, model)
        except ModelUnknown:
            raise ReplicasGone(model=model, retry_after_s=BUSY_S) from None

    def _alike(self, found: tuple[Replica, ...], model: str, content: str) -> tuple[Replica, ...]:
        """Those of some boxes whose model, without adapters, has these weights."""
        known = self.book.fit(model, None)
        alike = {one.address for one in known if one.offer.content == content}
        return tuple(one for one in found if one.address in alike)

    def _by_name(self, name: str) -> Upstream | None:
        shares = self.book.targets(name)
        if not shares:
            return None
        kept = self._splits.get(name)
        if kept is None or kept[0] != shares:
            targets = [Target(one.model, one.adapter, one.weight) for one in shares]
            kept = self._splits[name] = (shares, Split(name, targets))
        split = kept[1]
        if not split.aims:
            return None
        for aim in (split.pick(), *split.aims):
            found = self.book.fit(aim.model, aim.adapter)
            if found:
                return self._spread(self._of(found[0]), None, aim.adapter)
        return None

    def _of(self, replica: Replica) -> Upstream:
        """What a replica would be if it were here, but for its connections."""
        offer = replica.offer
        nobody = _Nobody()
        return Upstream(
            model=offer.model,
            digest=offer.digest,
            adapter_digest=offer.adapter_digest,
            abilities=frozenset(offer.abilities),
            pool=nobody,
            count=self._abroad.traffic.answered,
            engine=offer.engine,
            context=offer.context,
            salt=salt_of(offer.engine, self._secret),
            called=offer.called,
            content=offer.content,
        )

    def _spread(self, like: Upstream, home: Home | None, adapter: str | None) -> Upstream:
        attempt = Attempt(self._abroad, like, home, adapter)
        return Upstream(
            model=like.model,
            digest=like.digest,
            adapter_digest=like.adapter_digest,
            abilities=like.abilities,
            pool=attempt,
            enter=attempt.enter,
            leave=attempt.leave,
            heard=attempt.heard,
            count=like.count,
            engine=like.engine,
            context=like.context,
            called=like.called,
            content=like.content,
        )


class _Nobody:
    """Stands where connections are made later."""

    full = False

    async def ask(
        self, path: str, body: bytes, asker: str = "", *, patient: bool = False
    ) -> Exchange:
        """Refuse."""
        del path, body, asker, patient
        raise EngineGone(reason="nobody")

    def moves_on(self, error: Exception) -> bool:
        """Nowhere."""
        del error
        return False
