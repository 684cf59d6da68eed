"""The part of a conversation with a box that is about its cluster."""

from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.cluster import (
    ClusterFound,
    ClusterInvitation,
    ClusterJoin,
    ClusterLeave,
    ClusterLeft,
    ClusterNeighbours,
    ClusterShare,
    ClusterToken,
    ClusterView,
)

_PATH = "/api/v1/cluster"


class Cluster:
    """Founding, inviting, joining, leaving; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def state(self) -> ClusterView:
        """The boxes of the cluster."""
        return await self._wire.view(ClusterView, "GET", _PATH)

    async def neighbours(self) -> ClusterNeighbours:
        """The other boxes as this one hears them, and what they offer."""
        return await self._wire.view(ClusterNeighbours, "GET", f"{_PATH}/neighbours")

    async def found(self, wish: ClusterFound) -> ClusterView:
        """Make a cluster with this box as its first."""
        return await self._wire.view(ClusterView, "POST", f"{_PATH}/found", wish)

    async def invite(self, wish: ClusterInvitation) -> ClusterToken:
        """Make a join token."""
        return await self._wire.view(ClusterToken, "POST", f"{_PATH}/tokens", wish)

    async def join(self, wish: ClusterJoin) -> ClusterView:
        """Enter a cluster."""
        return await self._wire.view(ClusterView, "POST", f"{_PATH}/enter", wish)

    async def leave(self, wish: ClusterLeave) -> ClusterLeft:
        """Leave it."""
        return await self._wire.view(ClusterLeft, "POST", f"{_PATH}/leave", wish)

    async def forget(self, address: str) -> None:
        """Strike a box that is gone for good."""
        await self._wire.json("DELETE", f"{_PATH}/boxes/{quote(address, safe='')}")

    async def share(self, wish: ClusterShare) -> None:
        """Let the other boxes ask for a model or served name."""
        await self._wire.json("POST", f"{_PATH}/shared", wish)

    async def withhold(self, name: str) -> None:
        """Let them no longer."""
        await self._wire.json("DELETE", f"{_PATH}/shared/{quote(name, safe='')}")
