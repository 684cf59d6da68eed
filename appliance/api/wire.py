"""Uvicorn's HTTP protocol with the limits it lacks: head size, head time, and our own words."""

import asyncio  # noqa: TC003  # annotates an attribute
import re
from functools import partial
from typing import Any, ClassVar, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from appliance.access.errors import AccessRefused
from appliance.api.errors import HeadersTooLarge, HeadMalformed, HeadTooSlow
from appliance.api.problems import body_of, headers_of, problem_of
from appliance.errors import ApplianceError

HEAD_SECONDS: Final = 15.0
LONGEST_HEAD: Final = 2 * 1_048_576
# All heads under way together: many slow senders may not fill the memory.
_ALL_HEADS: Final = 64 * 1_048_576
_BAD_KEY: Final = re.compile(rb"\r\nauthorization:[^\r\n]*[\x00-\x08\x0a-\x1f\x7f]", re.IGNORECASE)
_LINGER_S: Final = 2.0


class BoxProtocol(HttpToolsProtocol):
    """One connection: a head of bounded length and time, and problems instead of plain text.

    A head that comes in one piece, as nearly all do, costs nothing here.
    """

    heads_under_way: ClassVar[int] = 0

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head = 0
        self._in_head = False
        self._refused = False
        self._last = b""
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    @override
    def data_received(self, data: bytes) -> None:
        """Let uvicorn read, and count what is no whole head yet."""
        if self._refused:
            return
        self._last = data
        super().data_received(data)
        if self._in_head:
            self._count(len(data))

    @override
    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        """The head is in: what follows is body, which the application bounds."""
        self._in_head = False
        if self._timer is not None:
            self._forget_head()
        super().on_headers_complete()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._forget_head()
        super().connection_lost(exc)

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; a key with control characters is simply no key."""
        bad_key = self._in_head and _BAD_KEY.search(self._last)
        self._refuse(AccessRefused() if bad_key else HeadMalformed())

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope["wardbox.answer"] = partial(answer_at_once, cycle)  # type: ignore[typeddict-unknown-key]
        super()._start_asgi_task(cycle, app)

    def _count(self, size: int) -> None:
        self._head += size
        BoxProtocol.heads_under_way += size
        if self._head > LONGEST_HEAD or BoxProtocol.heads_under_way > _ALL_HEADS:
            self._refuse(HeadersTooLarge())
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _forget_head(self) -> None:
        BoxProtocol.heads_under_way -= self._head
        self._head = 0
        self._last = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head or self.cycle is None:
            self._refuse(HeadTooSlow())

    def _refuse(self, error: ApplianceError) -> None:
        self._refused = True
        self._forget_head()
        if self.transport.is_closing():
            return
        problem = problem_of(error, "")
        body = body_of(problem)
        lines = [f"HTTP/1.1 {problem.status} {problem.title}".encode(), b"connection: close"]
        lines += [name + b": " + value for name, value in headers_of(problem, len(body))]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        # Closing at once would reset the connection before a client that still sends can read.
        self.loop.call_later(_LINGER_S, self.transport.close)


def answer_at_once(
    cycle: RequestResponseCycle, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Write a whole answer in one piece: what `cycle.send` does in two messages and two writes.

    The headers are the box's own, so they are not searched for line ends; `content-length` is
    among them. A body of at most some megabytes needs no pause for a slow reader.
    """
    if cycle.disconnected:
        return
    pieces = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        pieces += (name, b": ", value, b"\r\n")
    pieces.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    pieces.append(body)
    cycle.transport.write(b"".join(pieces))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
