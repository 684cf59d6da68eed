"""The gateway without its wire: requests that the box itself holds, as those of a batch.

They go the way of every other request, through the same judgement, gates, metering and record; only
the answer goes into a file instead of a socket.
"""

from typing import Final

from typing_extensions import override

from appliance.access.grants import Grant
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.tooling import refused
from appliance.api.hot.asking import judge
from appliance.api.hot.inner import InnerCaller
from appliance.api.hot.route import HotRoutes
from appliance.batches.gateway import Ask, Told

_ALONE: Final = frozenset({"/v1/moderations", "/v1/tokenize", "/v1/detokenize", "/v2/rerank"})
_PATHS: Final = frozenset(DIALECTS) - _ALONE


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
