"""A small gateway for tests: the real translators between official clients and an engine double."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from appliance.api.dialects.dialect import Dialect, Mark, Target
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.told import error_body
from appliance.api.dialects.wish import read
from appliance.api.errors import FieldRefused
from appliance.api.problems import problem_of
from appliance.errors import ApplianceError
from appliance.serving.errors import EngineGone

TARGET = Target("wardbox-reference", "llama.cpp", 4096)
MARK = Mark("0123456789abcdef01234567", 1_700_000_000, "rcp_1")
Engine = Callable[[str, dict[str, Any]], Any]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of llama-server, member for member as it was captured from it."""
    return {
        "choices": [{"finish_reason": finish, "index": 0, "delta": delta, **more}],
        "created": 1_700_000_000,
        "id": "chatcmpl-snnSm7LkqBJes4dYDNDuhTvaiDa03mIV",
        "model": TARGET.model,
        "system_fingerprint": "b1-0c1e570",
        "object": "chat.completion.chunk",
    }


def usage_chunk(read: int, written: int) -> dict[str, Any]:
    whole = chunk({})
    return {**whole, "choices": [], "usage": usage(read, written)}


def usage(read: int, written: int) -> dict[str, Any]:
    return {
        "completion_tokens": written,
        "prompt_tokens": read,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def spoken(*words: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A stream of text."""
    first = chunk({"role": "assistant", "content": None})
    middle = [chunk({"content": word}) for word in words]
    return [first, *middle, chunk({}, finish), usage_chunk(9, len(words))]


def calling(*calls: tuple[str, str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """A stream of tool calls: id, name, and the pieces of the arguments."""
    events = [chunk({"role": "assistant", "content": None})]
    for index, (ident, name, pieces) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        head = {"index": index, "id": ident, "type": "function", "function": function}
        events.append(chunk({"tool_calls": [head]}))
        events += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in pieces
        ]
    return [*events, chunk({}, "tool_calls"), usage_chunk(20, 7)]


def whole(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    """A whole answer of llama-server."""
    said = {"role": "assistant", "content": None, **message}
    return {
        "choices": [{"finish_reason": finish, "index": 0, "message": said}],
        "created": 1_700_000_000,
        "model": TARGET.model,
        "system_fingerprint": "b1-0c1e570",
        "object": "chat.completion",
        "usage": usage(9, 3),
        "id": "chatcmpl-4AuYBtfmQauMqZQEKERCEEMjGw0N8n56",
    }


@dataclass
class Gateway:
    """Where the gateway listens, what its engine was asked, and what it answers."""

    port: int = 0
    engine: Engine = lambda path, body: whole({"content": "好"})
    target: Target = TARGET
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: Request) -> Response:
        dialect = DIALECTS[request.url.path]
        try:
            return await self._answer(dialect, await request.body())
        except ApplianceError as error:
            problem = problem_of(error, "req_1", openai=dialect.speech == "openai")
            body = error_body(problem, dialect.speech)
            return Response(body, problem.status, media_type="application/json")

    async def _answer(self, dialect: Dialect, body: bytes) -> Response:
        translation = dialect.begin(read(dialect.decoder, body), self.target)
        asked = translation.asked
        self.asked.append((asked.path, json.loads(asked.body)))
        told = self.engine(asked.path, json.loads(asked.body))
        if not asked.stream:
            raw = json.dumps(told, ensure_ascii=False).encode()
            return Response(translation.answer(raw, MARK), media_type="application/json")
        stream = translation.stream(MARK)

        async def events() -> AsyncIterator[bytes]:
            try:
                for event in told:
                    if event is None:
                        raise EngineGone(reason="test")
                    yield stream.feed(json.dumps(event, ensure_ascii=False).encode())
                yield stream.end()
            except ApplianceError as error:
                yield stream.fail(problem_of(error, "req_1", openai=True))

        return StreamingResponse(events(), media_type="text/event-stream")


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Gateway]:
    """A gateway on loopback."""
    gateway = Gateway()
    app = Starlette(routes=[Route(path, gateway.answer, methods=["POST"]) for path in DIALECTS])
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    gateway.port = sock.getsockname()[1]
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", access_log=False)

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):
            yield

    server = Server(config)
    task = asyncio.create_task(server.serve([sock]))
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield gateway
    finally:
        server.should_exit = server.force_exit = True
        await task


def begun(path: str, target: Target = TARGET, **members: Any) -> Any:
    """A request of a route as the translators see it."""
    dialect = DIALECTS[path]
    return dialect.begin(read(dialect.decoder, json.dumps(members).encode()), target)


def refused(path: str, **members: Any) -> str:
    """The field that a request of a route is refused for."""
    with pytest.raises(FieldRefused) as caught:
        begun(path, **members)
    return str(caught.value.facts["field"])
