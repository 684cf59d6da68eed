"""The other boxes of the cluster as they stand: pure, from what was remembered and what was heard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.cluster.replicas import SILENT_S, Replica, ReplicaBook
from appliance.cluster.store import Member, Membership
from models.cluster import head_door

NearbyState = Literal["alive", "leaving", "silent", "lost"]


@dataclass(frozen=True, slots=True)
class NearbyBox:
    """One other box.

    Attributes:
        address: On the interconnect.
        name: As it called itself when it joined; empty where this box does not know.
        state: "alive" or "leaving" while it is heard, else "lost" once that is on record, else
            "silent".
        heard_s: Seconds since it was heard of; None when it never was.
        lost: Since when it is lost, in seconds since 1970.
        replicas: What it offers.
    """

    address: str
    name: str
    state: NearbyState
    heard_s: float | None
    lost: float | None
    replicas: tuple[Replica, ...]


def nearby(
    own: Membership | None, members: Sequence[Member], book: ReplicaBook
) -> tuple[NearbyBox, ...]:
    """Every other box, by address; none where this box is in no cluster.

    Args:
        own: what this box is.
        members: the boxes as they are remembered, perhaps with this one.
        book: what was heard of them.
    """
    return () if own is None else tuple(_boxes(own, members, book))


def _boxes(own: Membership, members: Sequence[Member], book: ReplicaBook) -> Iterator[NearbyBox]:
    known = {one.address: one for one in members}
    head = set() if own.head is None else {head_door(own.head)[0]}
    peers = {peer.address: peer for peer in book.peers()}
    offered = book.all()
    for address in sorted(({*known} | head) - {own.address}):
        member, peer = known.get(address), peers.get(address)
        heard_s = book.heard_s(address)
        lost = None if member is None else member.lost
        state: NearbyState = "silent" if lost is None else "lost"
        if peer is not None and heard_s is not None and heard_s < SILENT_S:
            state = "leaving" if peer.leaving else "alive"
        replicas = tuple(one for one in offered if one.address == address)
        name = "" if member is None else member.name
        yield NearbyBox(address, name, state, heard_s, lost, replicas)
