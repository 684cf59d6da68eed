"""The cluster as it goes over the wire: boxes, what is shared, what the neighbours offer."""

from collections.abc import Iterable
from datetime import UTC, datetime

from appliance.cluster.errors import NotMember
from appliance.cluster.nearby import NearbyBox
from appliance.cluster.peering import Peering
from appliance.cluster.replicas import Replica
from appliance.cluster.service import ClusterService
from appliance.cluster.state import BoxState, ClusterState
from appliance.contract.cluster import (
    ClusterBox,
    ClusterNeighbour,
    ClusterNeighbours,
    ClusterReplica,
    ClusterView,
)


def neighbours(cluster: ClusterService) -> Peering:
    """Who speaks with the other boxes. Raises NotMember."""
    if cluster.peering is None:
        raise NotMember
    return cluster.peering


def cluster_view(state: ClusterState, peering: Peering | None) -> ClusterView:
    """The cluster as one box sees it."""
    return ClusterView(
        role=state.role,
        address=state.address,
        head=state.head,
        authority=state.authority,
        running=state.running,
        boxes=tuple(_box(one) for one in state.boxes),
        door=peering is not None and peering.listening,
        shared=() if peering is None else peering.shared(),
        replicas=() if peering is None else replica_views(peering.hearing.book.all()),
    )


def _box(one: BoxState) -> ClusterBox:
    return ClusterBox(
        address=one.address,
        name=one.name,
        state=one.state,
        cpus=one.node.cpus if one.node else None,
        gpus=one.node.gpus if one.node else None,
        lost=None if one.lost is None else datetime.fromtimestamp(one.lost, UTC),
    )


def neighbours_view(peering: Peering | None) -> ClusterNeighbours:
    """The other boxes as this one hears them; nobody is asked for it."""
    if peering is None:
        return ClusterNeighbours(address="", door=False, shared=(), boxes=())
    return ClusterNeighbours(
        address=peering.hearing.address,
        door=peering.listening,
        shared=peering.shared(),
        boxes=tuple(_neighbour(one) for one in peering.hearing.nearby()),
    )


def _neighbour(one: NearbyBox) -> ClusterNeighbour:
    return ClusterNeighbour(
        address=one.address,
        name=one.name,
        state=one.state,
        heard_s=None if one.heard_s is None else round(one.heard_s, 1),
        lost=None if one.lost is None else datetime.fromtimestamp(one.lost, UTC),
        replicas=replica_views(one.replicas),
    )


def replica_views(offered: Iterable[Replica]) -> tuple[ClusterReplica, ...]:
    """What other boxes offer."""
    return tuple(
        ClusterReplica(
            address=one.address,
            model=one.offer.model,
            adapter=one.offer.adapter,
            digest=one.offer.digest,
            engine=one.offer.engine,
            slots=one.offer.slots,
            busy=round(one.busy * one.offer.slots),
            resting=one.resting,
        )
        for one in offered
    )
