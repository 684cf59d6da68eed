"""Routes of the cluster: found it, invite, join, leave, and how it stands."""

from base64 import b64encode
from datetime import UTC, datetime

from fastapi import APIRouter

from appliance.api.deps import Box, ClusterWriter, SystemReader
from appliance.cluster.state import ClusterState
from appliance.cluster.token import unpack
from appliance.contract.cluster import (
    ClusterBox,
    ClusterFound,
    ClusterInvitation,
    ClusterJoin,
    ClusterLeave,
    ClusterLeft,
    ClusterMessage,
    ClusterToken,
    ClusterView,
)

router = APIRouter(prefix="/api/v1/cluster", tags=["cluster"])


@router.get("")
async def cluster(box: Box, _: SystemReader) -> ClusterView:
    """The boxes of the cluster, their resources, and who vanished."""
    return _view(await box.cluster.state())


@router.post("/found")
async def found(wish: ClusterFound, box: Box, who: ClusterWriter) -> ClusterView:
    """Make a cluster with this box as its first."""
    return _view(await box.cluster.found(wish.address, who.actor, wish.base_port))


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
    return _view(state)


@router.post("/leave")
async def leave(wish: ClusterLeave, box: Box, who: ClusterWriter) -> ClusterLeft:
    """Let running work end, then leave the cluster."""
    return ClusterLeft(idle=await box.cluster.leave(who.actor, wish.drain_s))


@router.delete("/boxes/{address}", status_code=204)
async def forget(address: str, box: Box, who: ClusterWriter) -> None:
    """Strike a box that is gone for good."""
    await box.cluster.forget(address, who.actor)


def _view(state: ClusterState) -> ClusterView:
    boxes = tuple(
        ClusterBox(
            address=one.address,
            name=one.name,
            state=one.state,
            cpus=one.node.cpus if one.node else None,
            gpus=one.node.gpus if one.node else None,
            lost=None if one.lost is None else datetime.fromtimestamp(one.lost, UTC),
        )
        for one in state.boxes
    )
    return ClusterView(
        role=state.role,
        address=state.address,
        head=state.head,
        authority=state.authority,
        running=state.running,
        boxes=boxes,
    )
