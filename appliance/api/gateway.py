"""The gateway without its wire: requests that the box itself holds, as those of a batch.

They go the way of every other request, through the same judgement, gates, metering and record; only
the answer goes into a file instead of a socket.
"""

from typing import Final

from typing_extensions import override

from appliance.access.grants import Grant
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.tooling import refused
from appliance.api.errors import BodyTooLarge
from appliance.api.hot.asking import judge
from appliance.api.hot.caller import Caller, Headers
from appliance.api.hot.route import HotRoutes
from appliance.batches.gateway import Ask, Told

_UNSTREAMED: Final = frozenset({"/v1/moderations", "/v1/tokenize", "/v1/detokenize"})
_PATHS: Final = frozenset(DIALECTS) - _UNSTREAMED


class InnerCaller(Caller):
    """A request of somebody the box knows already; its answer stays here.

    Args:
        known: who asks.
        path: the route.
        body: the request.
    """

    gone = False

    def __init__(self, known: Grant, path: str, body: bytes) -> None:
        self.known: Grant | None = known
        self.path = path
        self.local = False
        self.peer: bytes | None = None
        self.status = 0
        self.told = b""
        self.headers: dict[bytes, bytes] = {}
        self._body = body

    @override
    def authorization(self, limit: int) -> None:
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


class InnerGateway(Ask):
    """Answers requests of batches.

    Args:
        routes: the model routes.
    """

    def __init__(self, routes: HotRoutes) -> None:
        self._routes = routes

    @override
    def paths(self) -> frozenset[str]:
        return _PATHS

    @override
    def judge(self, path: str, body: bytes) -> None:
        wish = judge(DIALECTS[path], body)
        if getattr(wish, "stream", None):
            raise refused("stream", "批处理不能流式返回", "a batch has no streams")
        if getattr(wish, "store", None) or getattr(wish, "previous_response_id", None):
            raise refused("store", "批处理不保存回答", "a batch keeps no responses")

    @override
    async def ask(self, grant: Grant, path: str, body: bytes) -> Told:
        caller = InnerCaller(grant, path, body)
        turn = await self._routes.serve(caller)
        wait = caller.headers.get(b"retry-after")
        return Told(
            caller.status,
            caller.told,
            caller.headers[b"x-request-id"].decode(),
            0 if turn is None else turn.prompt_tokens,
            0 if turn is None else turn.completion_tokens,
            None if wait is None else float(wait),
        )
