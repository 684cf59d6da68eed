"""What HTTP/1.1 asks that uvicorn leaves open: one host, answers in order, no chunks for old clients."""

import asyncio
from abc import abstractmethod
from typing import Any, Final

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from appliance.api.errors import HeadMalformed

_VERSIONS: Final = frozenset(("1.0", "1.1"))
_OLD: Final = "1.0"


class OrderedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, whose last word never comes before or into an answer."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._last_word: bytes | None = None
        self._in_head = False
        self._fed = False
        """Whether a part of a body came since this was last set to False."""

    @override
    def on_headers_complete(self) -> None:
        """The head is in. What is raised here is told as a malformed head."""
        settle_host(self.headers, self.url, self.parser.get_http_version())
        super().on_headers_complete()
        # Trailers are no headers (RFC 9110, 6.5.1): what was judged by then is what counts.
        self.headers = []

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head; one behind the body is nothing to anybody here."""
        if self._in_head:
            super().on_header(name, value)

    @override
    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._fed = True
        super().on_body(body)

    @override
    def on_response_complete(self) -> None:
        """An answer is written; behind the last one comes what ends the connection."""
        last, word = not self.pipeline, self._last_word
        super().on_response_complete()
        if last and word is not None and not self.transport.is_closing():
            self._say_last(word)

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, quietly(for_version(app, cycle), cycle))  # type: ignore[arg-type]

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _end_with(self, word: bytes, *, in_body: bool) -> None:
        """Say why nothing more is heard, behind the answers that are due, and hang up.

        Args:
            word: a whole answer.
            in_body: whether it is the last request's body that is wrong. Then the word is the
                answer to it, unless that has begun.
        """
        waits = not self._is_idle()
        if in_body:
            cycle: RequestResponseCycle = self.cycle
            word = b"" if cycle.response_started else word
            waits = bool(self.pipeline) and self.pipeline[0][0] is cycle
            if waits:
                self.pipeline.popleft()
            cycle.disconnected = True
            cycle.message_event.set()
        if waits:
            self._last_word = word
        else:
            self._say_last(word)

    def _say_last(self, word: bytes) -> None:
        self._last_word = None
        self.transport.write(word)
        self._hang_up()

    @abstractmethod
    def _hang_up(self) -> None:
        """Hear no more, and close once a client that still sends has had time to read."""


def settle_host(headers: list[tuple[bytes, bytes]], target: bytes, version: str) -> None:
    """Judge a head, and have its Host be the one that counts (RFC 9112, 3.2).

    An absolute target names the host itself, and what the header says is ignored.

    Args:
        headers: names in lower case; changed in place.
        target: what the request line asks for.
        version: what it speaks, as `1.1`.

    Raises:
        HeadMalformed: it names two hosts or none, or speaks another version.
        httptools.HttpParserInvalidURLError: the target is none.
    """
    at = [place for place, (name, _) in enumerate(headers) if name == b"host"]
    if len(at) > 1 or version not in _VERSIONS:
        raise HeadMalformed
    if target[:1] in {b"/", b"*"}:
        return
    host = httptools.parse_url(target).host
    if not host:
        raise HeadMalformed
    if at:
        headers[at[0]] = (b"host", host)
    else:
        headers.append((b"host", host))


def quietly(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """The application, whose end because its client left is no fault to be logged."""

    async def left(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if not cycle.disconnected:
                raise

    return left


def for_version(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """The application for the client of one request; HTTP/1.0 knows no chunks (RFC 9112, 6.1).

    Where an answer does not tell its length, the end of the connection ends it.
    """
    if cycle.scope["http_version"] != _OLD:
        return app

    async def old(scope: Scope, receive: Receive, send: Send) -> None:
        untold = False

        async def whole(message: Message) -> None:
            nonlocal untold
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                untold = b"content-length" not in names
                if untold:
                    cycle.chunked_encoding = False
            elif untold:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, whole)

    return old
