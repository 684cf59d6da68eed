"""The hot path: the OpenAI-compatible model routes as one raw ASGI application.

FastAPI's routing, dependencies and response classes cost more than everything this route does:
key, scope, allow-list, quota, typed judgement of the body, engine, metering and durable record.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from appliance.access.gate import Gate
from appliance.api.hot.answer import GONE, answer_stream, answer_whole
from appliance.api.hot.caller import AsgiCaller, Caller
from appliance.api.hot.departure import Departures
from appliance.api.hot.kinds import KINDS, SCOPE, Kind
from appliance.api.hot.wish import ChatWish, EmbeddingWish, ImagePart, StreamOptions, Wish, read
from appliance.api.problems import body_of, headers_of, problem_of
from appliance.audit.identifiers import request_id
from appliance.errors import VaultLocked
from appliance.serving.errors import ModelCannot
from appliance.serving.turn import Notary, Turn
from appliance.serving.upstream import Upstream

_LOG: Final = logging.getLogger("wardbox.api.hot")
_USAGE: Final = StreamOptions(include_usage=True)
_ENCODE: Final = msgspec.json.Encoder().encode


class Models(Protocol):
    """The part of the serving room that the hot path needs."""

    def ready(self, model: str | None) -> Upstream | None:
        """A model that can be asked right now; None asks for the default one."""
        ...

    async def upstream(self, model: str | None) -> Upstream:
        """The same, after starting its engine if need be; raises why not."""
        ...


class HotServices(Protocol):
    """What the hot path works with while the vault is open."""

    @property
    def access(self) -> Gate:
        """Who calls and what they may do."""
        ...

    @property
    def serving(self) -> Models:
        """The models."""
        ...

    @property
    def notary(self) -> Notary:
        """The record."""
        ...


class HotRoutes:
    """Answers POST on the paths of `KINDS`.

    Args:
        services: tells what is open now; None while the vault is locked.
        limit: longest body in bytes.
        clock: UTC.
    """

    def __init__(
        self,
        services: Callable[[], HotServices | None],
        limit: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._services = services
        self._limit = limit
        self._clock = clock
        self._departures = Departures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of an ASGI server."""
        await self.serve(AsgiCaller(scope, receive, send, self._departures))

    async def serve(self, caller: Caller) -> None:
        """Answer one request; every refusal and fault leaves as a problem."""
        ident = request_id(self._clock)
        job = _Job(caller, ident)
        try:
            await self._answer(self._services(), job)
        except asyncio.CancelledError:
            if not caller.gone:
                raise
            if job.turn is not None and not job.turn.stream:
                job.turn.fail(GONE)
        except Exception as error:  # noqa: BLE001  # the API's wall: no fault leaves as a traceback
            await _refuse(job, error)
        finally:
            caller.leave()

    async def _answer(self, services: HotServices | None, job: "_Job") -> None:
        if services is None:
            raise VaultLocked
        caller = job.caller
        access, kind = services.access, KINDS[caller.path]
        authorization = caller.authorization(self._limit)
        if authorization is None and caller.local:
            grant = access.local_grant()
        else:
            grant = access.authenticate(authorization)
        access.require(grant, SCOPE)
        wish: Wish = read(kind.decoder, await caller.body(self._limit))
        if wish.model is not None:
            access.allow(grant, wish.model)
        models = services.serving
        upstream = models.ready(wish.model) or await models.upstream(wish.model)
        access.allow(grant, upstream.model)
        _require_abilities(upstream, kind, wish)
        access.admit(grant)
        turn = job.turn = Turn(services.notary, grant, job.ident, kind.path, upstream)
        body = _forward(turn, wish)
        upstream.enter()
        try:
            if turn.stream:
                await answer_stream(turn, access, body, caller, usage_wanted=_usage(wish))
            else:
                await answer_whole(turn, access, body, caller)
        finally:
            upstream.leave()


class _Job:
    """What the wall needs to know when something ends a request."""

    __slots__ = ("caller", "ident", "turn")

    def __init__(self, caller: Caller, ident: str) -> None:
        self.caller = caller
        self.ident = ident
        self.turn: Turn | None = None


def _require_abilities(upstream: Upstream, kind: Kind, wish: Wish) -> None:
    if kind.ability not in upstream.abilities:
        raise ModelCannot(model=upstream.model, ability=kind.ability)
    if isinstance(wish, ChatWish) and "vision" not in upstream.abilities:
        parts = (m.content for m in wish.messages if not isinstance(m.content, str))
        if any(isinstance(part, ImagePart) for content in parts for part in content):
            raise ModelCannot(model=upstream.model, ability="vision")


def _forward(turn: Turn, wish: Wish) -> bytes:
    """The body for the engine: what was judged, the model's own name, and the box's additions."""
    changes: dict[str, object] = {}
    if wish.model is None:
        changes["model"] = turn.upstream.model
    if wish.user is not None:
        # Who asks is nobody's business behind the gateway.
        changes["user"] = None
    if not isinstance(wish, EmbeddingWish):
        turn.seed = wish.seed
        turn.stream = bool(wish.stream)
        if turn.stream:
            changes["stream_options"] = _USAGE
    body = _ENCODE(msgspec.structs.replace(wish, **changes) if changes else wish)
    turn.hash_prompt(body)
    return body[:-1] + turn.upstream.tail + b"}" if turn.upstream.tail else body


def _usage(wish: Wish) -> bool:
    if isinstance(wish, EmbeddingWish) or wish.stream_options is None:
        return False
    return wish.stream_options.include_usage


async def _refuse(job: _Job, error: Exception) -> None:
    problem = problem_of(error, job.ident, openai=True)
    if problem.code == "box.internal":
        _LOG.error("fault", exc_info=error, extra={"request_id": job.ident})
    if job.turn is not None:
        job.turn.fail(problem.code)
    body = body_of(problem)
    await job.caller.whole(problem.status, headers_of(problem, len(body)), body)
