"""The gateway without its wire: requests that the box itself holds, as those of a batch.

The same judgement, gates, metering and record as for a request over the wire; only the answer goes
into a file instead of a socket.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

import msgspec
from typing_extensions import override

from appliance.access.gate import Gate
from appliance.access.grants import Grant
from appliance.api.dialects.dialect import Dialect, Mark, Target, Translation
from appliance.api.dialects.reply import Usage
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.told import error_body
from appliance.api.dialects.tooling import refused
from appliance.api.dialects.wish import read
from appliance.api.problems import problem_of
from appliance.audit.identifiers import request_id
from appliance.batches.gateway import Ask, Told
from appliance.errors import ApplianceError
from appliance.serving.errors import EngineFaulty, EngineRefused, ModelCannot, ModelLoading
from appliance.serving.turn import Notary, Turn
from appliance.serving.upstream import Upstream
from models.errors import ModelsError

SCOPE: Final = "chat"
_UNSTREAMED: Final = frozenset({"/v1/moderations", "/v1/tokenize", "/v1/detokenize"})
_PATHS: Final = frozenset(DIALECTS) - _UNSTREAMED


class Models(Protocol):
    """The part of the serving room that the gateway needs."""

    def ready(self, model: str | None) -> Upstream | None:
        """A model that can be asked right now; None asks for the default one."""
        ...

    async def upstream(self, model: str | None) -> Upstream:
        """The same, after starting its engine if need be; raises why not."""
        ...


class InnerServices(Protocol):
    """What the gateway works with."""

    @property
    def access(self) -> Gate:
        """What callers may do."""
        ...

    @property
    def serving(self) -> Models:
        """The models."""
        ...

    @property
    def notary(self) -> Notary:
        """The record."""
        ...


class _Counted(msgspec.Struct, gc=False):
    usage: Usage | None = None


_COUNTED: Final = msgspec.json.Decoder(_Counted)


class InnerGateway(Ask):
    """Answers requests of batches.

    Args:
        services: The open box.
        clock: UTC.
    """

    def __init__(self, services: InnerServices, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._clock = clock

    @override
    def paths(self) -> frozenset[str]:
        return _PATHS

    @override
    def judge(self, path: str, body: bytes) -> None:
        dialect = DIALECTS[path]
        _begin(dialect, body, Target("judged"))

    @override
    async def ask(self, grant: Grant, path: str, body: bytes) -> Told:
        dialect, ident = DIALECTS[path], request_id(self._clock)
        try:
            return await self._ask(grant, dialect, body, ident)
        except (ApplianceError, ModelsError) as error:
            problem = problem_of(error, ident, openai=dialect.speech == "openai")
            told = error_body(problem, dialect.speech)
            return Told(problem.status, told, ident, retry_after_s=problem.retry_after_s)

    async def _ask(self, grant: Grant, dialect: Dialect, body: bytes, ident: str) -> Told:
        access, serving = self._services.access, self._services.serving
        access.require(grant, SCOPE)
        wish = read(dialect.decoder, body)
        if wish.model is not None:
            access.allow(grant, wish.model)
        upstream = serving.ready(wish.model) or await serving.upstream(wish.model)
        access.allow(grant, upstream.model)
        translation = _begin(
            dialect, body, Target(upstream.model, upstream.engine, upstream.context)
        )
        for ability in (dialect.ability, *translation.asked.needs):
            if ability not in upstream.abilities:
                raise ModelCannot(model=upstream.model, ability=ability)
        access.admit(grant)
        turn = Turn(self._services.notary, grant, ident, dialect.path, upstream)
        upstream.enter()
        try:
            return await self._answer(turn, translation)
        except (ApplianceError, ModelsError) as error:
            turn.fail(error.code)
            raise
        finally:
            upstream.leave()

    async def _answer(self, turn: Turn, translation: Translation) -> Told:
        asked, upstream = translation.asked, turn.upstream
        turn.seed = asked.seed
        exchange = await upstream.pool.ask(asked.path, turn.ask(asked.body))
        try:
            raw = await exchange.whole()
        except asyncio.CancelledError:
            # The engine stops writing; what is taken up again later is another request.
            exchange.abort()
            turn.fail("client-gone")
            raise
        if exchange.status != HTTPStatus.OK:
            raise _refusal(exchange.status, upstream.model)
        created = int(self._clock().timestamp())
        answer = translation.answer(raw, Mark(_ident(turn), created, turn.receipt))
        usage = _usage(raw)
        turn.prompt_tokens, turn.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        grant, model = turn.grant, upstream.model
        self._services.access.meter(grant, model, turn.prompt_tokens, turn.completion_tokens)
        upstream.count(turn.prompt_tokens + turn.completion_tokens)
        await turn.answer(turn.answer_hash(raw), "complete")
        return Told(200, answer, turn.request_id, turn.prompt_tokens, turn.completion_tokens)


def _begin(dialect: Dialect, body: bytes, target: Target) -> Translation:
    """Judge a body and begin its translation; a batch takes no streams and keeps no responses."""
    wish = read(dialect.decoder, body)
    if getattr(wish, "stream", None):
        raise refused("stream", "批处理不能流式返回", "a batch has no streams")
    if getattr(wish, "store", None) or getattr(wish, "previous_response_id", None):
        raise refused("store", "批处理不保存回答", "a batch keeps no responses")
    return dialect.begin(wish, target)


def _usage(raw: bytes) -> Usage:
    try:
        return _COUNTED.decode(raw).usage or Usage()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Usage()


def _ident(turn: Turn) -> str:
    return hashlib.sha256(turn.salt).hexdigest()[:24]


def _refusal(status: int, model: str) -> ApplianceError:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ModelLoading(model=model, percent=0, progress=0.0, retry_after_s=2)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return EngineRefused(reason=f"HTTP {status}")
    return EngineFaulty(reason=f"HTTP {status}")
