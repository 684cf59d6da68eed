"""The part of a conversation with a box that is about offline updates."""

from appliance.client.transport import Transport
from appliance.contract.job import Job
from appliance.contract.update import (
    RollbackWish,
    UpdateHealth,
    UpdateList,
    UpdatePlan,
    UpdateStatus,
    UpdateWish,
)

_PATH = "/api/v1/updates"


class Updates:
    """Sticks, what is on them, and what became of them; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def list(self) -> UpdateList:
        """What was seen on sticks and what became of it, newest first."""
        return await self._wire.view(UpdateList, "GET", _PATH)

    async def status(self) -> UpdateStatus:
        """How updates stand."""
        return await self._wire.view(UpdateStatus, "GET", f"{_PATH}/status")

    async def plan(self, directory: str, approval: str | None = None) -> UpdatePlan:
        """What applying a stick would do; nothing is copied (local socket only)."""
        wish = UpdateWish(directory=directory, approval=approval)
        return await self._wire.view(UpdatePlan, "POST", f"{_PATH}/plan", wish)

    async def verify(self, directory: str) -> Job:
        """Queue the reading of a whole stick (local socket only)."""
        wish = UpdateWish(directory=directory)
        return await self._wire.view(Job, "POST", f"{_PATH}/verify", wish)

    async def apply(self, directory: str, approval: str | None = None) -> Job:
        """Queue the application of a stick (local socket only)."""
        wish = UpdateWish(directory=directory, approval=approval)
        return await self._wire.view(Job, "POST", f"{_PATH}/apply", wish)

    async def rollback(self, wish: RollbackWish) -> Job:
        """Queue the return of a package to what it was before."""
        return await self._wire.view(Job, "POST", f"{_PATH}/rollback", wish)

    async def health(self) -> UpdateHealth:
        """Have the box check whether it works."""
        return await self._wire.view(UpdateHealth, "POST", f"{_PATH}/health")
