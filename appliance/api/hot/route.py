"""The hot path: the OpenAI-compatible model routes as one raw ASGI application.

FastAPI's routing, dependencies and response classes cost more than everything this route does:
key, scope, allow-list, quota, typed judgement of the body, engine, metering and durable record.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from appliance.access.gate import Gate
from appliance.api.hot.answer import GONE, answer_stream, answer_whole
from appliance.api.hot.body import read_body, read_head
from appliance.api.hot.departure import Departure, Departures
from appliance.api.hot.wish import (
    ChatWish,
    CompletionWish,
    EmbeddingWish,
    ImagePart,
    StreamOptions,
    Wish,
    read,
)
from appliance.api.problems import body_of, headers_of, problem_of
from appliance.audit.identifiers import request_id
from appliance.errors import VaultLocked
from appliance.serving.errors import ModelCannot
from appliance.serving.turn import Notary, Turn
from appliance.serving.upstream import Upstream

SCOPE: Final = "chat"
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


@dataclass(frozen=True, slots=True)
class Kind:
    """One route: what its body may hold and what the engine must be able to do."""

    path: str
    ability: str
    decoder: "msgspec.json.Decoder[Any]"


KINDS: Final = {
    kind.path: kind
    for kind in (
        Kind("/v1/chat/completions", "chat", msgspec.json.Decoder(ChatWish)),
        Kind("/v1/completions", "completions", msgspec.json.Decoder(CompletionWish)),
        Kind("/v1/embeddings", "embeddings", msgspec.json.Decoder(EmbeddingWish)),
    )
}


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
        """Answer one request; every refusal and fault leaves as a problem."""
        ident = request_id(self._clock)
        job = _Job(scope, receive, send, ident)
        try:
            await self._answer(self._services(), job)
        except asyncio.CancelledError:
            if job.departure is None or not job.departure.gone:
                raise
            if job.turn is not None and not job.turn.stream:
                job.turn.fail(GONE)
        except Exception as error:  # noqa: BLE001  # the API's wall: no fault leaves as a traceback
            await _refuse(job, error)
        finally:
            if job.departure is not None:
                job.departure.stop()

    async def _answer(self, services: HotServices | None, job: "_Job") -> None:
        if services is None:
            raise VaultLocked
        access, kind = services.access, KINDS[job.scope["path"]]
        authorization = read_head(job.scope, self._limit)
        if authorization is None and job.scope.get("wardbox.local"):
            grant = access.local_grant()
        else:
            grant = access.authenticate(authorization)
        access.require(grant, SCOPE)
        wish: Wish = read(kind.decoder, await read_body(job.receive, self._limit))
        job.departure = Departure(job.receive)
        self._departures.expect(job.departure)
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
                await answer_stream(turn, access, body, job.send, usage_wanted=_usage(wish))
            else:
                at_once = job.scope.get("wardbox.answer")
                await answer_whole(turn, access, body, job.send, at_once)
        finally:
            upstream.leave()


class _Job:
    """What the wall needs to know when something ends a request."""

    __slots__ = ("departure", "ident", "receive", "scope", "send", "turn")

    def __init__(self, scope: Scope, receive: Receive, send: Send, ident: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.ident = ident
        self.turn: Turn | None = None
        self.departure: Departure | None = None


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
    headers = headers_of(problem, len(body))
    await job.send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await job.send({"type": "http.response.body", "body": body})
