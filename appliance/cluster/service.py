"""The cluster as this box sees it: found it, invite, admit, join, watch, leave."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from appliance.audit.events import BOX
from appliance.audit.events_cluster import cluster_member
from appliance.cluster.errors import (
    AlreadyMember,
    ClusterError,
    HeadHasMembers,
    NotHead,
    NotMember,
    TokenRefused,
)
from appliance.cluster.hearing import Audit
from appliance.cluster.line import ask_head
from appliance.cluster.node import RayKeeper
from appliance.cluster.peering import Peering
from appliance.cluster.state import (
    ClusterState,
    boxes_of,
    changes,
    founded,
    judged,
    remembered,
    require_boxes,
)
from appliance.cluster.store import ClusterStore, Member, Membership
from appliance.cluster.token import (
    Answer,
    Ask,
    JoinToken,
    interconnect,
    open_answer,
    open_ask,
    seal_answer,
    seal_ask,
    sealed_for,
)
from models.cluster import join_host
from secure_compute.certificates import Credential, fingerprint
from secure_compute.errors import CertificateRefused
from secure_compute.peers import issue_peer, request_peer

BASE_PORT: Final = 6400
WATCH_S: Final = 60.0
AskHead = Callable[[str, int, bytes], Awaitable[bytes]]


class ClusterService:
    """One box's part in a cluster.

    Args:
        store: what is remembered.
        audit: the record.
        ray: keeps the node.
        name: how this box is called among the others.
        clock: seconds since 1970.
        ask: carries the sealed messages of a join.
    """

    def __init__(
        self,
        store: ClusterStore,
        audit: Audit,
        ray: RayKeeper,
        name: str,
        clock: Callable[[], float],
        ask: AskHead = ask_head,
    ) -> None:
        self._store, self._audit, self._ray = store, audit, ray
        self._name, self._clock, self._ask = name, clock, ask
        self._one = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._peering: Peering | None = None

    def accompany(self, peering: Peering) -> None:
        """Say who speaks with the other boxes while this one is a member."""
        self._peering = peering

    @property
    def peering(self) -> Peering | None:
        """Who speaks with the other boxes."""
        return self._peering

    async def start(self) -> None:
        """Go on where the box was: a member starts its node again."""
        membership = self._store.membership()
        if membership is not None:
            with suppress(ClusterError):
                await self._begin(membership)

    async def close(self) -> None:
        """End the node; the box stays a member."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._peering is not None:
            await self._peering.stop()
        await self._ray.stop()

    def env(self, boxes: int = 1) -> dict[str, str]:
        """What work on some boxes has in its environment. Raises NotMember, BoxesTooFew, RaySilent."""
        require_boxes(boxes, self.membership(), self._store.members())
        return self._ray.env()

    def membership(self) -> Membership:
        """What this box is. Raises NotMember."""
        membership = self._store.membership()
        if membership is None:
            raise NotMember
        return membership

    async def found(self, address: str, actor: str, base_port: int = BASE_PORT) -> ClusterState:
        """Make a cluster with this box as its first.

        Raises:
            AlreadyMember, AddressRefused, RayMissing: nothing was changed.
        """
        async with self._one:
            place = self._fresh(address)
            membership = founded(place, base_port, self._now())
            await self._tell("found", actor, place, membership.authority)
            self._store.enter(membership)
            self._store.add_member(Member(place, self._name, self._clock(), None))
            await self._begin(membership)
        return self._plain(membership)

    async def invite(self, minutes: int, actor: str) -> str:
        """Make a join token. Raises NotMember or NotHead."""
        membership = self._head()
        token = JoinToken.fresh(fingerprint(membership.authority.certificate_pem))
        await self._tell("invite", actor, membership.address, membership.authority)
        now = self._clock()
        self._store.add_token(token.id, token.secret, now + 60 * minutes, now)
        return token.text()

    async def admit(self, sealed: bytes) -> bytes:
        """Let a box in that shows a token.

        Returns:
            The sealed answer, which only the holder of the token can read.

        Raises:
            NotMember, NotHead, TokenRefused, AddressRefused: nobody was let in.
        """
        membership = self._head()
        token_id = sealed_for(sealed)
        secret = self._store.token_secret(token_id, self._clock())
        if secret is None:
            raise TokenRefused
        ask = open_ask(token_id, secret, sealed)
        address = interconnect(ask.address)
        if address == membership.address:
            raise AlreadyMember(address=address)
        request = ask.request.encode()
        try:
            certificate = issue_peer(membership.authority, address, request, self._now())
        except CertificateRefused as error:
            raise TokenRefused from error
        await self._tell("admit", BOX, address, membership.authority)
        if not self._store.admit(token_id, Member(address, ask.name, self._clock(), None)):
            raise TokenRefused
        self._refresh()
        answer = Answer(
            authority=membership.authority.certificate_pem.decode(),
            certificate=certificate.decode(),
            ray_token=membership.ray_token,
            head=join_host(membership.address, membership.base_port),
        )
        return seal_answer(token_id, secret, answer)

    async def join(
        self,
        token: str,
        head: tuple[str, int],
        address: str,
        actor: str,
        base_port: int = BASE_PORT,
    ) -> ClusterState:
        """Enter the cluster that made the token.

        Args:
            token: as the first box printed it.
            head: address and API port of the first box.
            address: this box on the interconnect.
            actor: who asked.
            base_port: first of the node's ports.

        Raises:
            ClusterError: nothing was changed.
        """
        async with self._one:
            place, shown = self._fresh(address), JoinToken.parse(token)
            own = request_peer(place)
            ask = Ask(name=self._name[:80], address=place, request=own.certificate_pem.decode())
            where = (interconnect(head[0]), head[1])
            answer = open_answer(shown, await self._ask(*where, seal_ask(shown, ask)))
            membership = judged(shown, answer, own, place, base_port)
            await self._tell("join", actor, place, membership.authority)
            self._store.enter(membership)
            await self._begin(membership)
        return self._plain(membership)

    async def leave(self, actor: str, drain_s: int) -> bool:
        """Let running work end, then go.

        Returns:
            Whether the node was idle when it went.

        Raises:
            NotMember: there is nothing to leave.
            HeadHasMembers: the first box is the last to leave.
        """
        async with self._one:
            membership = self.membership()
            others = [one for one in self._store.members() if one.address != membership.address]
            if membership.head is None and others:
                raise HeadHasMembers(names=", ".join(f"{one.name} {one.address}" for one in others))
            await self._tell("leave", actor, membership.address, membership.authority)
            idle = still = self._peering is None or await self._peering.leave(drain_s)
            with suppress(ClusterError):
                # The last box has nobody to hand its work to.
                idle = membership.head is None or await self._ray.drain(drain_s)
            idle = idle and still
            await self.close()
            self._store.leave()
        return idle

    async def forget(self, address: str, actor: str) -> None:
        """Strike a member that is gone for good. Raises NotMember or NotHead."""
        membership = self._head()
        await self._tell("strike", actor, interconnect(address), membership.authority)
        if address == membership.address or not self._store.forget(interconnect(address)):
            raise NotMember
        self._refresh()

    async def state(self) -> ClusterState:
        """The cluster now; what vanished is told, and put on record by the first box."""
        membership = self._store.membership()
        if membership is None:
            return ClusterState("none")
        plain = self._plain(membership)
        try:
            nodes = {node.address: node for node in await self._ray.nodes()}
        except ClusterError:
            return plain
        if membership.head is None:
            for action, place in changes(self._store.members(), nodes, membership.address):
                await self._tell(action, BOX, place, membership.authority)
                self._store.mark(place, action, self._clock())
                self._refresh()
        return replace(plain, running=True, boxes=boxes_of(self._store.members(), nodes))

    async def _begin(self, membership: Membership) -> None:
        if self._peering is not None:
            await self._peering.start(membership)
        await self._ray.start(membership)
        if self._watch is None and membership.head is None:
            self._watch = asyncio.create_task(self._look(), name="cluster-watch")

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            with suppress(ClusterError):
                await self.state()

    def _refresh(self) -> None:
        if self._peering is not None:
            self._peering.hearing.refresh()

    def _fresh(self, address: str) -> str:
        place, present = interconnect(address), self._store.membership()
        if present is not None:
            raise AlreadyMember(address=present.address)
        self._ray.require()
        return place

    def _head(self) -> Membership:
        membership = self.membership()
        if membership.head is not None:
            raise NotHead(head=membership.head)
        return membership

    def _plain(self, membership: Membership) -> ClusterState:
        return remembered(membership, self._store.members(), running=self._ray.running)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    async def _tell(self, action: Any, actor: str, address: str, authority: Credential) -> None:
        mark = fingerprint(authority.certificate_pem)
        await self._audit.record(cluster_member(action, actor, address=address, authority=mark))
