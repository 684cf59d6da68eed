"""The part of a session that is about the posture: reports and their course."""

from appliance.client.transport import Transport
from appliance.contract.posture import PostureHistory, PostureReport

_POSTURE = "/api/v1/posture"


class PostureCalls:
    """Posture over one transport; every method raises `ProblemError` or `BoxUnreachable`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def look(self) -> PostureReport:
        """The last report."""
        return await self._wire.view(PostureReport, "GET", _POSTURE)

    async def check(self) -> PostureReport:
        """Run the firmware checks now."""
        return await self._wire.view(PostureReport, "POST", f"{_POSTURE}/check")

    async def history(self, limit: int = 60) -> PostureHistory:
        """The last runs, newest first."""
        query = {"limit": str(limit)}
        return await self._wire.view(PostureHistory, "GET", f"{_POSTURE}/history", query=query)

    async def named(self, digest: str) -> PostureReport:
        """The report that a receipt names."""
        return await self._wire.view(PostureReport, "GET", f"{_POSTURE}/reports/{digest}")
