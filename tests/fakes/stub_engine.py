"""A stub OpenAI-compatible engine on httptools and uvloop, fast enough to measure gateways with."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import httptools
import uvloop

_JSON = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_WORDS = ("右", "眼", "白", "内", "障", ",", "入", "院", "。", "拟", "行", "手", "术")


def _json(status: int, body: object) -> bytes:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return _JSON % (status, b"OK" if status == 200 else b"Error", len(raw), raw)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Canned:
    """Every answer, made once."""

    def __init__(self, tokens: int, model: str) -> None:
        self.tokens = tokens
        words = [_WORDS[n % len(_WORDS)] for n in range(tokens)]
        usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": tokens + 9}
        head = {"id": "chatcmpl-stub", "created": 1, "model": model}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(words)},
            "finish_reason": "length",
        }
        self.models = _json(
            200, {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "stub"}]}
        )
        self.health = _json(200, {"status": "ok"})
        self.missing = _json(404, {"error": {"message": "no such route", "type": "not_found"}})
        self.refused = _json(401, {"error": {"message": "invalid key", "type": "auth"}})
        self.chat = _json(
            200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        )
        self.completion = _json(
            200,
            {
                **head,
                "object": "text_completion",
                "choices": [{"index": 0, "text": "".join(words), "finish_reason": "length"}],
                "usage": usage,
            },
        )
        self.embedding = _json(
            200,
            {
                "object": "list",
                "model": model,
                "data": [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0, 0.0]}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            },
        )
        judged = {"flagged": True, "categories": {"harm": True}, "category_scores": {"harm": 0.9}}
        self.judgement = _json(200, {"id": "modr-stub", "model": model, "results": [judged]})
        self.events = [self._event(head, {"content": word}, None) for word in words]
        self.events[0] = self._event(head, {"role": "assistant", "content": words[0]}, None)
        self.last = self._event(head, {}, "length") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    @staticmethod
    def _event(head: dict, delta: dict, finish: str | None) -> bytes:
        body = {
            **head,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        return _chunk(b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n")


class StubProtocol(asyncio.Protocol):
    """One connection: keep-alive, one request at a time, streams by timer."""

    def __init__(self, canned: Canned, token_s: float, key: str) -> None:
        self._canned = canned
        self._token_s = token_s
        self._key = f"Bearer {key}".encode() if key else b""
        self._parser = httptools.HttpRequestParser(self)
        self._transport = None
        self._timer = None
        self._authorised = not key
        self._closing = False

    def connection_made(self, transport) -> None:
        self._transport = transport

    def connection_lost(self, exc) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url = b""
        self._body = b""
        self._authorised = not self._key

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._key and name.lower() == b"authorization":
            self._authorised = value == self._key

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._closing = not self._parser.should_keep_alive()
        path = self._url.partition(b"?")[0]
        canned = self._canned
        if path == b"/health":
            self._end(canned.health)
        elif not self._authorised:
            self._end(canned.refused)
        elif path == b"/v1/chat/completions":
            self._generate(canned.chat)
        elif path == b"/v1/completions":
            self._later(canned.completion)
        elif path == b"/v1/models":
            self._end(canned.models)
        elif path == b"/v1/embeddings":
            self._end(canned.embedding)
        elif path == b"/v1/moderations":
            self._end(canned.judgement)
        else:
            self._end(canned.missing)

    def _generate(self, whole: bytes) -> None:
        compact = self._body.replace(b" ", b"")
        if b'"stream":true' not in compact:
            self._later(whole)
            return
        self._transport.write(_STREAM)
        if self._token_s:
            self._timer = asyncio.get_running_loop().call_later(self._token_s, self._token, 0)
        else:
            self._end(b"".join(self._canned.events) + self._canned.last)

    def _later(self, whole: bytes) -> None:
        if not self._token_s:
            self._end(whole)
            return
        delay = self._token_s * self._canned.tokens
        self._timer = asyncio.get_running_loop().call_later(delay, self._end, whole)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _end(self, data: bytes) -> None:
        self._write(data)
        if self._closing and self._transport is not None:
            self._transport.close()

    def _token(self, number: int) -> None:
        self._write(self._canned.events[number])
        if number + 1 == self._canned.tokens:
            self._end(self._canned.last)
            return
        self._timer = asyncio.get_running_loop().call_later(self._token_s, self._token, number + 1)


async def serve(
    *,
    port: int | None = 0,
    uds: Path | None = None,
    token_ms: float = 0.0,
    tokens: int = 16,
    model: str = "stub",
    key: str = "",
) -> tuple[list[asyncio.Server], int]:
    """Starts listening.

    Returns:
        The servers and the TCP port (0 without TCP).
    """
    loop = asyncio.get_running_loop()
    canned = Canned(tokens, model)

    def connection() -> StubProtocol:
        return StubProtocol(canned, token_ms / 1000, key)

    servers = []
    bound = 0
    if uds is not None:
        servers.append(await loop.create_unix_server(connection, str(uds), backlog=1024))
    if port is not None:
        servers.append(await loop.create_server(connection, "127.0.0.1", port, backlog=1024))
        bound = servers[-1].sockets[0].getsockname()[1]
    return servers, bound


async def _main(options: argparse.Namespace) -> None:
    port = options.port if options.port is not None or options.uds else 0
    servers, bound = await serve(
        port=port,
        uds=options.uds,
        token_ms=options.token_ms,
        tokens=options.tokens,
        model=options.model,
        key=options.key,
    )
    print(json.dumps({"port": bound, "uds": str(options.uds or "")}), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    """Runs the stub until it is stopped; prints where it listens as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--uds", type=Path)
    parser.add_argument("--token-ms", type=float, default=0.0)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--model", default="stub")
    parser.add_argument("--key", default="", help="answer 401 without this bearer")
    uvloop.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
