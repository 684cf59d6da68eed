"""Whom this box knows in its cluster, and what it believes of what they say."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from appliance.audit.event import Event
from appliance.audit.events_cluster import cluster_peer_refuse
from appliance.cluster.announcement import Neighbour, Signed, judge, refused
from appliance.cluster.errors import AnnouncementRefused, AnnouncementStale
from appliance.cluster.nearby import NearbyBox, nearby
from appliance.cluster.replicas import ReplicaBook
from appliance.cluster.store import ClusterStore, Membership
from appliance.errors import AuditUnavailable
from models.cluster import head_door

_REFUSALS_S: Final = 60.0


class Audit(Protocol):
    """The part of the audit log that the neighbours need."""

    async def record(self, event: Event) -> Any:
        """Record an event and wait until it is durable."""
        ...


class Outlook(Protocol):
    """Who asks other boxes; `appliance.serving.beyond.Beyond`."""

    def reach(self, *, anybody: bool) -> None:
        """Say whether another box offers anything at all."""
        ...

    def lost(self, address: str) -> None:
        """Say that a box fell silent: what it has not begun to answer moves on."""
        ...


class Hearing:
    """Members, their doors and their announcements; one event loop.

    Args:
        store: what is remembered.
        audit: the record.
        clock: seconds that never run backwards.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        store: ClusterStore,
        audit: Audit,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.book = ReplicaBook(clock)
        self.outlook: Outlook | None = None
        self.epoch = ""
        self.shared: frozenset[str] = frozenset()
        self.members: Mapping[str, str] = {}
        self.doors: dict[str, int] = {}
        self._store, self._audit = store, audit
        self._clock, self._wall = clock, wall
        self._membership: Membership | None = None
        self._told: dict[tuple[str, str], float] = {}
        self._recording: set[asyncio.Task[None]] = set()

    def begin(self, membership: Membership) -> None:
        """Know the neighbours as they were remembered; what was told before is worth nothing now."""
        self._membership = membership
        self.epoch = secrets.token_hex(16)
        self.doors = self._store.doors()
        self.refresh()

    def end(self) -> None:
        """Know nobody."""
        self._membership = None
        self._keep({})

    def refresh(self) -> None:
        """Read again who is a member and what is shared; who is no member is heard no more."""
        self.shared = self._store.shared()
        self.members = {one.address: one.name for one in self._store.members()}
        self._keep(self.members)

    @property
    def address(self) -> str:
        """This box on the interconnect; empty outside a cluster."""
        return "" if self._membership is None else self._membership.address

    def nearby(self) -> tuple[NearbyBox, ...]:
        """The other boxes as they stand; nobody is asked for it."""
        return nearby(self._membership, self._store.members(), self.book)

    def admits(self, address: str) -> bool:
        """Whether a box is another member of the cluster."""
        membership = self._membership
        if membership is None or address == membership.address:
            return False
        return address in self.members or address == self._head()

    def hear(self, signed: Signed, sender: str, certificate: bytes) -> None:
        """Judge an announcement and take it down.

        Raises:
            AnnouncementRefused: It is not believed.
            AnnouncementStale: It was meant for this box before its door opened anew.
        """
        if not self.admits(sender):
            # A new member may be here before the first box has told of it: that is no incident.
            if self._head() == "":
                self.refuse(sender, "stranger")
            raise refused(sender, "stranger")
        try:
            told = judge(signed, sender, certificate)
            if told.to != self.epoch:
                raise AnnouncementStale
            self.book.hear(told)
        except AnnouncementRefused as error:
            self.refuse(sender, str(error.facts["reason"]))
            raise
        if self.doors.get(sender) != told.port:
            self._learn(sender, told.port)
        if told.members is not None and sender == self._head():
            self._meet(told.members)
        self.look_up()

    def look_up(self) -> None:
        """Tell who asks whether there is anybody to ask, and who fell silent."""
        outlook = self.outlook
        if outlook is None:
            return
        for address in self.book.silent():
            outlook.lost(address)
        outlook.reach(anybody=self.book.any())

    def refuse(self, peer: str, reason: str) -> None:
        """Put a refusal on record; of equal ones in a minute only the first."""
        now = self._clock()
        self._told = {key: at for key, at in self._told.items() if at > now - _REFUSALS_S}
        if (peer, reason) in self._told:
            return
        self._told[peer, reason] = now
        task = asyncio.ensure_future(self._record(cluster_peer_refuse(peer, reason=reason)))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _record(self, event: Event) -> None:
        # Nobody was let in: a log that cannot be written holds nothing back here.
        with suppress(AuditUnavailable):
            await self._audit.record(event)

    def _head(self) -> str:
        head = None if self._membership is None else self._membership.head
        return "" if head is None else head_door(head)[0]

    def _meet(self, members: Mapping[str, Neighbour]) -> None:
        """Take down whom the first box calls a member."""
        names = {address: one.name for address, one in members.items()}
        if names != self.members:
            self._store.set_members(names, self._wall())
            self.refresh()
        for address, one in members.items():
            if one.port and address not in self.doors:
                self._learn(address, one.port)

    def _learn(self, address: str, port: int) -> None:
        self.doors[address] = port
        self._store.set_door(address, port)

    def _keep(self, members: Mapping[str, str]) -> None:
        head = self._head()
        for address in self.book.forget((*members, head)):
            if self.outlook is not None:
                self.outlook.lost(address)
        self.look_up()
