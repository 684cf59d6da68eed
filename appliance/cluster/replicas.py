"""Who serves what on the other boxes: what they announced, which fell silent, which are left in peace."""

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from appliance.cluster.announcement import Announcement, Offer, Share, refused

SILENT_S: Final = 8.0
"""A box that has said nothing for so long gets nothing, and what it has not begun to answer moves on."""

_REST_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)


@dataclass(slots=True)
class Peer:
    """One other box, as far as it has told about itself; the book alone changes it.

    Attributes:
        address: On the interconnect.
        port: Of its peer door.
        seq: Of its newest announcement.
        heard: When that came; seconds of the book's clock.
        leaving: Whether it takes nothing new.
        offers: By model and adapter.
        names: Served names that it shares.
        failures: Requests that it failed in a row.
        rests_until: It gets nothing before this time,
        failed: nor before it is heard of again after this one, when it last failed a request.
        outstanding: Requests of this box that are with it, by model.
    """

    address: str
    port: int = 0
    seq: int = 0
    heard: float = float("-inf")
    leaving: bool = False
    offers: dict[tuple[str, str | None], Offer] = field(default_factory=dict)
    names: dict[str, tuple[Share, ...]] = field(default_factory=dict)
    failures: int = 0
    rests_until: float = float("-inf")
    failed: float = float("-inf")
    outstanding: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replica:
    """One model on one other box.

    Attributes:
        address: The box.
        port: Its peer door.
        offer: What it said about the model.
        busy: Requests with it, of this box and of others, as a share of its slots.
        resting: Whether it gets nothing at the moment.
    """

    address: str
    port: int
    offer: Offer
    busy: float
    resting: bool = False


class ReplicaBook:
    """What the other boxes offer; one event loop.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._peers: dict[str, Peer] = {}

    def peers(self) -> tuple[Peer, ...]:
        """Every box that was heard of, by address."""
        return tuple(self._peers[address] for address in sorted(self._peers))

    def heard_s(self, address: str) -> float | None:
        """Seconds since a box was heard of; None when it never was."""
        peer = self._peers.get(address)
        if peer is None or peer.heard == float("-inf"):
            return None
        return self._clock() - peer.heard

    def hear(self, told: Announcement) -> None:
        """Take an announcement down that was judged.

        Raises:
            AnnouncementRefused: It is no newer than one that came before.
        """
        peer = self._peers.setdefault(told.sender, Peer(told.sender))
        if told.seq <= peer.seq:
            raise refused(told.sender, "replayed")
        peer.port, peer.seq, peer.heard = told.port, told.seq, self._clock()
        peer.leaving = told.leaving
        peer.offers = {(one.model, one.adapter): one for one in told.offers}
        peer.names = told.names

    def forget(self, keep: Iterable[str]) -> tuple[str, ...]:
        """Strike every box but those; return whom."""
        gone = tuple(sorted(set(self._peers) - set(keep)))
        for address in gone:
            del self._peers[address]
        return gone

    def silent(self) -> tuple[str, ...]:
        """Boxes that have just fallen silent, each told once; what they offered is gone."""
        limit = self._clock() - SILENT_S
        found = [one for one in self._peers.values() if one.offers and one.heard < limit]
        for peer in found:
            peer.offers, peer.names = {}, {}
        return tuple(one.address for one in found)

    def any(self) -> bool:
        """Whether another box offers anything."""
        return any(one.offers and not one.leaving for one in self._peers.values())

    def fit(self, model: str, adapter: str | None) -> tuple[Replica, ...]:
        """The boxes that can be asked now, the least busy first; by address when equal."""
        fit = (one for one in self._replicas((model, adapter)) if not one.resting)
        return tuple(sorted(fit, key=lambda one: (one.busy, one.address)))

    def all(self) -> tuple[Replica, ...]:
        """Everything that is offered, whether it rests or not; by address and model."""
        every = {key for peer in self._peers.values() for key in peer.offers}
        found = (one for key in every for one in self._replicas(key))
        return tuple(
            sorted(found, key=lambda one: (one.address, one.offer.model, one.offer.adapter or ""))
        )

    def known(self, model: str, adapter: str | None) -> bool:
        """Whether a box offers it, though it may rest at the moment."""
        return next(self._offering((model, adapter)), None) is not None

    def targets(self, name: str) -> tuple[Share, ...]:
        """The targets of a served name that another box shares; none when nobody does."""
        for peer in self.peers():
            if name in peer.names and not peer.leaving:
                return peer.names[name]
        return ()

    def askable(self) -> tuple[str, ...]:
        """Models, without their adapters, and shared names that a box can be asked for now; by name."""
        peers = self._peers.values()
        offered = {model for peer in peers for model, adapter in peer.offers if adapter is None}
        shared = {name for peer in peers for name in peer.names}
        return tuple(name for name in sorted(offered | shared) if self.holding(name))

    def holding(self, name: str) -> tuple[Replica, ...]:
        """Who can be asked now for a model without adapters, or for a target of a shared name."""
        targets = (one for one in self.targets(name) if one.weight)
        return self.fit(name, None) or tuple(
            found for one in targets for found in self.fit(one.model, one.adapter)
        )

    def take(self, address: str, model: str, by: int) -> None:
        """Count a request to a box in (1) or out (-1)."""
        peer = self._peers.get(address)
        if peer is not None:
            peer.outstanding[model] = max(0, peer.outstanding.get(model, 0) + by)

    def failed(self, address: str) -> None:
        """A box did not answer: it rests, longer each time, and comes back once it is heard of again."""
        peer = self._peers.get(address)
        if peer is not None:
            rest = _REST_S[min(peer.failures, len(_REST_S) - 1)]
            peer.failures += 1
            peer.failed = self._clock()
            peer.rests_until = peer.failed + rest

    def well(self, address: str) -> None:
        """A box answered."""
        peer = self._peers.get(address)
        if peer is not None:
            peer.failures = 0

    def elsewhere(self, address: str, model: str, adapter: str | None) -> None:
        """A box said that it does not serve this now; its next announcement says what it does."""
        peer = self._peers.get(address)
        if peer is not None:
            peer.offers.pop((model, adapter), None)

    def _offering(self, key: tuple[str, str | None]) -> Iterator[tuple[Peer, Offer]]:
        return ((one, one.offers[key]) for one in self._peers.values() if key in one.offers)

    def _replicas(self, key: tuple[str, str | None]) -> Iterator[Replica]:
        now = self._clock()
        for one, offer in self._offering(key):
            rests = (
                one.leaving or one.rests_until > now or one.heard < max(one.failed, now - SILENT_S)
            )
            yield Replica(one.address, one.port, offer, self._busy(one, offer), rests)

    @staticmethod
    def _busy(peer: Peer, offer: Offer) -> float:
        return (peer.outstanding.get(offer.model, 0) + offer.load) / offer.slots


def peer_client_context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """TLS towards a peer, from files: it must have a certificate of the cluster for its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _own(context, authority, certificate, key)


def peer_server_context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """TLS of this box's peer door: who has no certificate of the cluster is not heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _own(context, authority, certificate, key)


def _own(context: ssl.SSLContext, authority: str, certificate: str, key: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    return context
