"""A request that comes from inside the box: somebody it knows asks, and the answer stays here."""

from typing_extensions import override

from appliance.access.grants import Grant
from appliance.api.errors import BodyTooLarge
from appliance.api.hot.caller import Caller, Headers


class InnerCaller(Caller):
    """A request of somebody the box knows already; its answer stays here.

    Args:
        known: who asks.
        path: the route.
        body: the request.
    """

    def __init__(self, known: Grant, path: str, body: bytes) -> None:
        self.known: Grant | None = known
        self.path = path
        self.local = False
        self.peer: bytes | None = None
        self.status = 0
        self.told = b""
        self.headers: dict[bytes, bytes] = {}
        self._body = body

    @property
    @override
    def gone(self) -> bool:
        return False

    @override
    def authorization(self, limit: int) -> None:
        return None

    @override
    def patient(self) -> None:
        return None

    @override
    async def body(self, limit: int) -> bytes:
        if len(self._body) > limit:
            raise BodyTooLarge(limit=limit)
        return self._body

    @override
    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.told, self.headers = status, body, dict(headers)

    @override
    async def begin(self, headers: Headers) -> None:
        self.status, self.headers = 200, dict(headers)

    @override
    async def pass_on(self, data: bytes) -> None:
        self.told += data

    @override
    async def end(self, data: bytes) -> None:
        self.told += data

    @override
    def leave(self) -> None:
        self._body = b""
