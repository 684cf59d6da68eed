"""Boxes beside each other on loopback: real peer doors, real certificates, whatever engines they are given."""

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time

from appliance.cluster.announcement import Announcement, Offer
from appliance.cluster.migrations import MIGRATIONS
from appliance.cluster.peering import Peering
from appliance.cluster.store import ClusterStore, Member, Membership
from models.cluster import door_port, join_host
from secure_compute.certificates import Credential, make_authority
from secure_compute.peers import issue_peer, request_peer
from tests.appliance.access.doubles import RememberingAudit, open_db

HEAD, MEMBER = "127.0.0.2", "127.0.0.3"
M = "qwen3-32b"


def offer(model: str = M, *, slots: int = 4, load: int = 0, adapter: str | None = None) -> Offer:
    return Offer(
        model=model,
        adapter=adapter,
        digest="ab" * 32,
        adapter_digest=None if adapter is None else "cd" * 32,
        content="ef" * 32,
        engine="vllm",
        called="",
        context=4096,
        abilities=("chat",),
        slots=slots,
        load=load,
    )


def told(sender: str, seq: int, *offers: Offer, leaving: bool = False, **names) -> Announcement:
    return Announcement(
        sender=sender, port=6407, to="e", seq=seq, leaving=leaving, offers=offers, names=names
    )


def authority() -> Credential:
    return make_authority("WardBox cluster", datetime.now(UTC))


def certified(by: Credential, address: str) -> Credential:
    own = request_peer(address)
    return Credential(issue_peer(by, address, own.certificate_pem, datetime.now(UTC)), own.key_pem)


def free_base(address: str) -> int:
    """A base whose peer door can listen."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1] - door_port(0)


class Lender:
    """Guests of a box that has no engines."""

    def __init__(self) -> None:
        self.offered = ()
        self.named = {}
        self.running = 0

    def check(self, name: str) -> None:
        pass

    def offers(self, models: frozenset[str], peer: str):
        return tuple(one for one in self.offered if one.model in models)

    def names(self, shared: frozenset[str]):
        return {name: shares for name, shares in self.named.items() if name in shared}

    def in_flight(self) -> int:
        return self.running


class Watcher:
    """Remembers what it is told about the neighbours."""

    def __init__(self) -> None:
        self.anybody = False
        self.gone: list[str] = []

    def reach(self, *, anybody: bool) -> None:
        self.anybody = anybody

    def lost(self, address: str) -> None:
        self.gone.append(address)


@dataclass
class Beside:
    """One box among its neighbours."""

    membership: Membership
    store: ClusterStore
    audit: RememberingAudit
    peering: Peering
    lender: Lender = field(default_factory=Lender)
    watcher: Watcher = field(default_factory=Watcher)

    @property
    def address(self) -> str:
        return self.membership.address

    @property
    def door(self) -> tuple[str, int]:
        return self.address, door_port(self.membership.base_port)

    def offers(self, model: str) -> list[str]:
        """Boxes that this one could ask."""
        return [one.address for one in self.peering.hearing.book.fit(model, None)]


@asynccontextmanager
async def beside(folder: Path, addresses=(HEAD, MEMBER), by: Credential | None = None):
    """Boxes that are members of one cluster; nothing is started."""
    by = by or authority()
    bases = {address: free_base(address) for address in addresses}
    head = addresses[0]
    made, books = [], []
    for address in addresses:
        base = bases[address]
        store_at = None if address == head else join_host(head, bases[head])
        signer = by if address == head else Credential(by.certificate_pem, b"")
        own = Membership(address, store_at, base, "t" * 64, signer, certified(by, address))
        db = open_db(folder / f"{address}.db", MIGRATIONS)
        books.append(db)
        store, audit = ClusterStore(db), RememberingAudit()
        store.enter(own)
        if address == head:
            for one in addresses:
                store.add_member(Member(one, f"box-{one}", 1.0, None))
        made.append(Beside(own, store, audit, Peering(store, audit, monotonic, time)))
        made[-1].peering.attach(made[-1].lender, made[-1].watcher)
    try:
        yield made
    finally:
        for one in made:
            await one.peering.stop()
        for db in books:
            db.close()
