"""Routes of the cluster: found it, invite, join, leave, and how it stands."""

from base64 import b64encode

from fastapi import APIRouter

from appliance.api.cluster_views import cluster_view, neighbours, neighbours_view
from appliance.api.deps import Box, ClusterWriter, SystemReader
from appliance.cluster.token import unpack
from appliance.contract.cluster import (
    ClusterFound,
    ClusterInvitation,
    ClusterJoin,
    ClusterLeave,
    ClusterLeft,
    ClusterMessage,
    ClusterNeighbours,
    ClusterShare,
    ClusterToken,
    ClusterView,
)

router = APIRouter(prefix="/api/v1/cluster", tags=["cluster"])


@router.get("")
async def cluster(box: Box, _: SystemReader) -> ClusterView:
    """The boxes of the cluster, their resources, and who vanished."""
    return cluster_view(await box.cluster.state(), box.cluster.peering)


@router.get("/neighbours")
async def nearby(box: Box, _: SystemReader) -> ClusterNeighbours:
    """The other boxes as this one hears them, and the models that each offers; asks nobody."""
    return neighbours_view(box.cluster.peering)


@router.post("/found")
async def found(wish: ClusterFound, box: Box, who: ClusterWriter) -> ClusterView:
    """Make a cluster with this box as its first."""
    return cluster_view(
        await box.cluster.found(wish.address, who.actor, wish.base_port), box.cluster.peering
    )


@router.post("/tokens")
async def invite(wish: ClusterInvitation, box: Box, who: ClusterWriter) -> ClusterToken:
    """Make a join token on the first box."""
    return ClusterToken(token=await box.cluster.invite(wish.minutes, who.actor))


@router.post("/join")
async def admit(wish: ClusterMessage, box: Box) -> ClusterMessage:
    """Let another box in; its message is sealed with a join token, which is all it needs."""
    answer = await box.cluster.admit(unpack(wish.message))
    return ClusterMessage(message=b64encode(answer).decode())


@router.post("/enter")
async def enter(wish: ClusterJoin, box: Box, who: ClusterWriter) -> ClusterView:
    """Have this box join the cluster that made the token."""
    head = (wish.head, wish.head_port)
    state = await box.cluster.join(wish.token, head, wish.address, who.actor, wish.base_port)
    return cluster_view(state, box.cluster.peering)


@router.post("/leave")
async def leave(wish: ClusterLeave, box: Box, who: ClusterWriter) -> ClusterLeft:
    """Let running work end, then leave the cluster."""
    return ClusterLeft(idle=await box.cluster.leave(who.actor, wish.drain_s))


@router.post("/shared", status_code=204)
async def share(wish: ClusterShare, box: Box, who: ClusterWriter) -> None:
    """Let the other boxes ask this one for a model or served name."""
    await neighbours(box.cluster).share(wish.name, who.actor)


@router.delete("/shared/{name}", status_code=204)
async def withhold(name: str, box: Box, who: ClusterWriter) -> None:
    """Let them no longer; what is under way ends."""
    await neighbours(box.cluster).withhold(name, who.actor)


@router.delete("/boxes/{address}", status_code=204)
async def forget(address: str, box: Box, who: ClusterWriter) -> None:
    """Strike a box that is gone for good."""
    await box.cluster.forget(address, who.actor)
