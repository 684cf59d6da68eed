"""This box among its neighbours: its peer door, what it lends them, and what it tells them."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from appliance.audit.events_cluster import cluster_model
from appliance.cluster.announcement import Announcement, Neighbour, Offer, Share, Signed
from appliance.cluster.door import Answer, PeerDoor, Visit
from appliance.cluster.errors import NotMember, PeerRefused
from appliance.cluster.hearing import Audit, Hearing, Outlook
from appliance.cluster.replicas import peer_client_context, peer_server_context
from appliance.cluster.store import ClusterStore, Membership
from models.cluster import door_port, head_door
from secure_compute.certificates import Credential

if TYPE_CHECKING:
    from appliance.cluster.courier import Courier

ANNOUNCE_S: Final = 2.0
_LOOK_S: Final = 0.05


class Guests(Protocol):
    """What this box lends; `appliance.serving.guests.Guests`."""

    def check(self, name: str) -> None:
        """Pass a model or served name of this box; raises what it is not."""
        ...

    def offers(self, models: frozenset[str], peer: str) -> tuple[Offer, ...]:
        """What can be asked for right now, as told to one box."""
        ...

    def names(self, shared: frozenset[str]) -> dict[str, tuple[Share, ...]]:
        """Served names that are shared."""
        ...

    def in_flight(self) -> int:
        """Requests of other boxes that are being answered."""
        ...

    def visit(self, visit: Visit) -> AbstractAsyncContextManager[Answer]:
        """Have an engine answer; whether the model is shared was looked at before."""
        ...


class Peering:
    """Lends and tells; one event loop. It lives while the box is a member of a cluster.

    Args:
        store: what is remembered.
        audit: the record.
        clock: seconds that never run backwards.
        wall: seconds since 1970; numbers of announcements start there.
    """

    def __init__(
        self,
        store: ClusterStore,
        audit: Audit,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.hearing = Hearing(store, audit, clock, wall)
        self.context: ssl.SSLContext | None = None
        self._store, self._audit, self._wall = store, audit, wall
        self._guests: Guests | None = None
        self._membership: Membership | None = None
        self._door: PeerDoor | None = None
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._seq = 0

    def attach(self, guests: Guests, outlook: Outlook) -> None:
        """Say who answers for other boxes, and who asks them."""
        self._guests, self.hearing.outlook = guests, outlook

    @property
    def listening(self) -> bool:
        """Whether the peer door is open."""
        return self._door is not None

    async def start(self, membership: Membership) -> None:
        """Open the peer door, and tell the neighbours from here on."""
        await self.stop()
        self._membership, self._leaving = membership, False
        self._seq = int(self._wall() * 1000)
        self.hearing.begin(membership)
        contexts = await asyncio.to_thread(_contexts, membership)
        self.context = contexts[0]
        self._task = asyncio.create_task(self._live(membership, *contexts), name="peering")

    async def stop(self) -> None:
        """Close the door; nobody is asked any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        door, self._door = self._door, None
        if door is not None:
            await door.close()
        self._membership = self.context = None
        self.hearing.end()

    async def leave(self, seconds: float) -> bool:
        """Take nothing new, tell so, and wait until what is under way has ended.

        Returns:
            Whether it ended within `seconds`.
        """
        self._leaving = True
        membership = self._membership
        if membership is not None and self.context is not None:
            async with _courier(self.context, membership.own) as courier:
                await self._tell_all(courier, membership)
        guests = self._guests
        if guests is None:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while guests.in_flight():  # noqa: ASYNC110  # it ends in other tasks
                    await asyncio.sleep(_LOOK_S)
        return not guests.in_flight()

    # Lending ------------------------------------------------------------------------------------

    def shared(self) -> tuple[str, ...]:
        """Models and served names of this box that other boxes may ask for."""
        return tuple(sorted(self.hearing.shared))

    async def share(self, name: str, actor: str) -> None:
        """Let the other boxes ask for a model or served name of this one.

        Raises:
            NotMember: This box is in no cluster.
            ApplianceError, ModelsError: This box has no such model or name.
        """
        membership = self._member()
        if self._guests is not None:
            await asyncio.to_thread(self._guests.check, name)
        event = cluster_model("share", actor, name=name, address=membership.address)
        await self._audit.record(event)
        self._store.share(name, actor, self._wall())
        self.hearing.refresh()

    async def withhold(self, name: str, actor: str) -> None:
        """Let them no longer; what is under way ends. Raises NotMember."""
        membership = self._member()
        event = cluster_model("withhold", actor, name=name[:128], address=membership.address)
        await self._audit.record(event)
        self._store.withhold(name)
        self.hearing.refresh()

    def epoch(self) -> str:
        """What announcements to this box must name: drawn anew whenever its door opens."""
        return self.hearing.epoch

    def hear(self, signed: Signed, sender: str, certificate: bytes) -> None:
        """Take an announcement down. Raises AnnouncementRefused, AnnouncementStale."""
        self.hearing.hear(signed, sender, certificate)

    @asynccontextmanager
    async def visit(self, visit: Visit) -> AsyncIterator[Answer]:
        """Have an engine of this box answer for another one.

        Raises:
            PeerRefused: The other box is no member, the model is not shared, or this box leaves.
            ApplianceError, ModelsError: what the engine did instead.
        """
        guests, known = self._guests, self.hearing.admits(visit.peer)
        allowed = known and visit.model in self._lent()
        if not allowed:
            self.hearing.refuse(visit.peer, "not-shared" if known else "stranger")
        if guests is None or self._leaving or not allowed:
            raise PeerRefused(peer=visit.peer, model=ascii(visit.model[:64]))
        async with guests.visit(visit) as answer:
            yield answer

    def _lent(self) -> frozenset[str]:
        """Models that may be asked for: those that are shared, and those behind shared names."""
        shared = self.hearing.shared
        names = {} if self._guests is None else self._guests.names(shared)
        return shared | {one.model for shares in names.values() for one in shares}

    def _member(self) -> Membership:
        if self._membership is None:
            raise NotMember
        return self._membership

    # Telling ------------------------------------------------------------------------------------

    async def _live(
        self, membership: Membership, client: ssl.SSLContext, server: ssl.SSLContext
    ) -> None:
        async with _courier(client, membership.own) as courier:
            while True:
                if self._door is None:
                    # Who holds the port may let it go: until then this box asks but is not asked.
                    with suppress(OSError):
                        door = PeerDoor(server, self)
                        await door.open(membership.address, door_port(membership.base_port))
                        self._door = door
                await self._tell_all(courier, membership)
                self.hearing.look_up()
                await asyncio.sleep(ANNOUNCE_S)

    async def _tell_all(self, courier: "Courier", membership: Membership) -> None:
        hearing = self.hearing
        doors = {one: hearing.doors[one] for one in hearing.members if one in hearing.doors}
        if membership.head is not None:
            address, port = head_door(membership.head)
            doors.setdefault(address, port)
        doors.pop(membership.address, None)
        await asyncio.gather(*(courier.tell(door, self._words) for door in doors.items()))

    def _words(self, peer: str, epoch: str) -> Announcement:
        membership, hearing, guests = self._member(), self.hearing, self._guests
        self._seq += 1
        lends = guests is not None and not self._leaving
        known = {
            address: Neighbour(name[:80], hearing.doors.get(address, 0))
            for address, name in hearing.members.items()
        }
        return Announcement(
            sender=membership.address,
            port=door_port(membership.base_port),
            to=epoch,
            seq=self._seq,
            leaving=self._leaving,
            offers=guests.offers(self._lent(), peer) if guests is not None and lends else (),
            names=guests.names(hearing.shared) if guests is not None and lends else {},
            members=known if membership.head is None else None,
        )


def _contexts(membership: Membership) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS as client and as server."""
    with _files(membership) as files:
        return peer_client_context(*files), peer_server_context(*files)


@contextmanager
def _files(membership: Membership) -> Iterator[tuple[str, str, str]]:
    """Authority, certificate and key as files in memory: OpenSSL reads them by their path only."""
    own = membership.own
    opened: list[int] = []
    try:
        for content in (membership.authority.certificate_pem, own.certificate_pem, own.key_pem):
            opened.append(os.memfd_create("peer", os.MFD_CLOEXEC))
            os.write(opened[-1], content)
        one, two, three = (f"/proc/self/fd/{number}" for number in opened)
        yield one, two, three
    finally:
        for number in opened:
            os.close(number)


def _courier(context: ssl.SSLContext, own: Credential) -> "Courier":
    from appliance.cluster.courier import Courier  # noqa: PLC0415  # most boxes have no neighbours

    return Courier(context, own)
