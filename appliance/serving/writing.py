"""Has an engine write for a service of the box itself: greedy, with text as it comes."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from appliance.serving.errors import EngineFaulty, EngineGone, EngineRefused, ModelLoading
from appliance.serving.exchange import Exchange
from appliance.serving.upstream import Upstream

_PATH: Final = "/v1/chat/completions"
_DATA: Final = b"data: "


@dataclass(frozen=True, slots=True)
class Written:
    """The account of an answer; `finish` is "stop" or "length", `seconds` the wall time it took."""

    finish: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    model_digest: str
    adapter_digest: str | None
    seconds: float


class _Parts:
    """An answer as it grows."""

    def __init__(self) -> None:
        self.finish = ""
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def take(self, event: bytes) -> str:
        """Read one event and return the text in it."""
        try:
            told: dict[str, Any] = msgspec.json.decode(event)
            usage, choices = told.get("usage"), told.get("choices")
            if usage:
                self.prompt_tokens = int(usage["prompt_tokens"])
                self.completion_tokens = int(usage["completion_tokens"])
            if not choices:
                return ""
            self.finish = choices[0].get("finish_reason") or self.finish
            piece = choices[0]["delta"].get("content") or ""
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError):
            raise EngineFaulty(reason="SSE") from None
        return str(piece)


async def write(
    upstream: Upstream,
    messages: Sequence[Mapping[str, str]],
    max_tokens: int,
    seed: int,
    asker: str = "box",
) -> AsyncGenerator[str | Written, None]:
    """Ask for one greedy answer: yield its text as it is written, then the account of it.

    Closing the generator early makes the engine stop.

    Raises:
        EngineGone, EngineSilent, EngineBusy, ShareFull, EngineRefused, EngineFaulty, ModelLoading.
    """
    began = time.perf_counter()
    wish = {
        "model": upstream.asked_for,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": 0,
        "seed": seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    salt = b"" if upstream.salt is None else upstream.salt("box")
    body = msgspec.json.encode(wish)[:-1] + upstream.tail + salt + b"}"
    exchange = await upstream.pool.ask(_PATH, body, asker)
    parts = _Parts()
    try:
        if exchange.status != HTTPStatus.OK:
            raise await _refusal(exchange, upstream)
        async for text in _follow(exchange, parts, upstream.heard):
            yield text
    finally:
        exchange.abort()
    yield Written(
        parts.finish,
        parts.prompt_tokens,
        parts.completion_tokens,
        upstream.model,
        upstream.digest,
        upstream.adapter_digest,
        time.perf_counter() - began,
    )


async def _follow(
    exchange: Exchange, parts: _Parts, heard: Callable[[], object]
) -> AsyncGenerator[str, None]:
    half = b""
    while data := await exchange.more():
        heard()
        *events, half = (half + data).split(b"\n\n")
        for event in events:
            if event == b"data: [DONE]":
                return
            text = parts.take(event[len(_DATA) :]) if event.startswith(_DATA) else ""
            if text:
                yield text
    raise EngineGone(reason="stream ended early")


async def _refusal(exchange: Exchange, upstream: Upstream) -> Exception:
    body = await exchange.whole()
    if exchange.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ModelLoading(model=upstream.model, percent=0, progress=0.0, retry_after_s=2)
    if exchange.status == HTTPStatus.BAD_REQUEST:
        # The engine's words may repeat the prompt; only their size is told.
        return EngineRefused(reason=f"HTTP 400, {len(body)} B")
    return EngineFaulty(reason=f"HTTP {exchange.status}")
