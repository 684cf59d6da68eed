"""The cluster as it goes over the wire: boxes, what is shared, what the neighbours offer."""

from datetime import UTC, datetime

from appliance.cluster.errors import NotMember
from appliance.cluster.peering import Peering
from appliance.cluster.service import ClusterService
from appliance.cluster.state import BoxState, ClusterState
from appliance.contract.cluster import ClusterBox, ClusterReplica, ClusterView


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
        replicas=() if peering is None else _replicas(peering),
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


def _replicas(peering: Peering) -> tuple[ClusterReplica, ...]:
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
        for one in peering.hearing.book.all()
    )
