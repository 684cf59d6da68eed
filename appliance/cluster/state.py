"""What a cluster looks like, who vanished or went, and whether an answer to a join is genuine."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from appliance.cluster.errors import BoxesTooFew, HeadUntrusted
from appliance.cluster.store import Change, Member, Membership
from appliance.cluster.token import Answer, JoinToken
from models.cluster import NodeState, join_host
from secure_compute.certificates import Credential, fingerprint, make_authority
from secure_compute.errors import CertificateRefused
from secure_compute.peers import belongs, issue_peer, request_peer

_STORE: Final = re.compile(r"([0-9.]{7,15}|\[[0-9a-f:]{2,39}\]):[0-9]{2,5}", re.ASCII)
State = Literal["alive", "lost", "unknown"]


@dataclass(frozen=True, slots=True)
class BoxState:
    """One box of the cluster.

    Attributes:
        address: On the interconnect.
        name: As it called itself when it joined; empty where this box does not know.
        state: "alive", "lost" since it vanished, "unknown" while nothing is heard of it.
        node: What Ray says, or None.
        lost: Since when, in seconds since 1970.
    """

    address: str
    name: str
    state: State
    node: NodeState | None
    lost: float | None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster.

    Attributes:
        role: "none", "head" for the first box, "member".
        address: This box on the interconnect.
        head: "address:port" of the store.
        authority: Fingerprint of the cluster's authority.
        running: Whether this box's node lives.
        boxes: All boxes, by address.
    """

    role: Literal["none", "head", "member"]
    address: str = ""
    head: str = ""
    authority: str = ""
    running: bool = False
    boxes: tuple[BoxState, ...] = ()


def boxes_of(members: Sequence[Member], nodes: Mapping[str, NodeState]) -> tuple[BoxState, ...]:
    """Every box that is a member or alive, by address."""
    known = {one.address: one for one in members}
    alive = {address for address, node in nodes.items() if node.alive}
    return tuple(_box(at, known.get(at), nodes.get(at)) for at in sorted({*known, *alive}))


def remembered(membership: Membership, members: Sequence[Member], *, running: bool) -> ClusterState:
    """The cluster as it is remembered, before Ray is asked; `running`: whether this box's node lives."""
    return ClusterState(
        "member" if membership.head else "head",
        membership.address,
        membership.head or join_host(membership.address, membership.base_port),
        fingerprint(membership.authority.certificate_pem),
        running,
        boxes_of(members, {}),
    )


def require_boxes(boxes: int, membership: Membership, members: Sequence[Member]) -> None:
    """Pass work for so many boxes. Raises BoxesTooFew."""
    # Who has just joined has not been told of the others yet, and knows the first box alone.
    there = max(len(members), 1 if membership.head is None else 2)
    if boxes > there:
        raise BoxesTooFew(asked=boxes, there=there)


def changes(
    members: Sequence[Member], nodes: Mapping[str, NodeState], own: str
) -> Iterator[tuple[Change, str]]:
    """What happened to members since they were last looked at: (what, address)."""
    for member in members:
        node = nodes.get(member.address)
        if node is None or member.address == own:
            continue
        if node.alive and member.lost is not None:
            yield "return", member.address
        elif not node.alive and member.lost is None:
            yield "leave" if node.left else "lose", member.address


def _box(address: str, member: Member | None, node: NodeState | None) -> BoxState:
    lost = member.lost if member else None
    state: State = "unknown" if lost is None else "lost"
    if node is not None:
        state = "alive" if node.alive else "lost"
    return BoxState(address, member.name if member else "", state, node, lost)


def founded(place: str, base_port: int, now: datetime) -> Membership:
    """What the first box of a new cluster is: with a new authority, and a token that none knows."""
    authority = make_authority("WardBox cluster", now)
    own = request_peer(place)
    signed = issue_peer(authority, place, own.certificate_pem, now)
    own = Credential(signed, own.key_pem)
    return Membership(place, None, base_port, secrets.token_hex(32), authority, own)


def judged(
    token: JoinToken, answer: Answer, own: Credential, place: str, base_port: int
) -> Membership:
    """Judge the answer to a join and make of it what this box now is.

    Raises:
        HeadUntrusted: The authority is not the token's, or the certificate is for another key.
    """
    authority, certificate = answer.authority.encode(), answer.certificate.encode()
    try:
        genuine = fingerprint(authority).replace(":", "").lower() == token.authority
    except CertificateRefused as error:
        raise HeadUntrusted from error
    # The answer is the cluster's own; still, what goes into a command line is looked at.
    if (
        _STORE.fullmatch(answer.head) is None
        or not genuine
        or not belongs(certificate, own.key_pem)
    ):
        raise HeadUntrusted
    mine = Credential(certificate, own.key_pem)
    return Membership(
        place, answer.head, base_port, answer.ray_token, Credential(authority, b""), mine
    )
