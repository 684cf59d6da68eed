"""The short way in: plain model requests are read and answered on the connection, without ASGI.

An ASGI server makes a scope, a cycle, an event and two messages for each request, which costs more
than all that the gateway does. What comes here is plain (see `head`); everything else, and whatever
stands on the same connection later, goes through the full parser as before.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from appliance.access.grants import Grant  # noqa: TC001  # annotates an attribute
from appliance.api.crowd import HALVES
from appliance.api.dialects.table import DIALECTS
from appliance.api.errors import BodyTooSlow, BoxCrowded
from appliance.api.hosts import Hosts
from appliance.api.hot.body import BODY_SECONDS, authorization_of, patient_of
from appliance.api.hot.caller import Headers, NearCaller
from appliance.api.hot.head import Head, read_plain_head
from appliance.api.hot.route import HotRoutes
from appliance.api.hot.swift import Swift

AHEAD: Final = 65_536
"""Bytes of later requests that are kept while one is answered."""


@dataclass(frozen=True, slots=True)
class ShortWay:
    """What a line needs of the box.

    Args:
        routes: the model routes.
        hosts: which Host headers name this box.
        limit: longest body in bytes.
        local: whether callers reach it over the local Unix socket.
        dates: what every answer carries.
    """

    routes: HotRoutes
    hosts: Hosts
    limit: int
    local: bool
    dates: "Dates" = field(default_factory=lambda: Dates())  # noqa: PLW0108  # it stands below

    def read(self, data: bytes) -> Head | None:
        """The head of a request that may go the short way."""
        head = read_plain_head(data)
        if head is None or head.path not in DIALECTS or head.length > self.limit:
            return None
        return head if self.local or self.hosts.knows(head.host) else None


class Dates:
    """The header lines that every answer carries; the server makes them anew each second."""

    __slots__ = ("_lines", "_pairs")

    def __init__(self) -> None:
        self._pairs: Headers = ()
        self._lines = b""

    def lines(self, pairs: Headers) -> bytes:
        """The same pairs of names and values as lines."""
        if pairs is not self._pairs:
            self._pairs = pairs
            self._lines = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
        return self._lines


Over = Callable[["Line", Swift, bytes], None]


class Line(NearCaller):
    """One request on its connection: takes what comes of its body, writes its answer.

    Args:
        way: what it needs of the box.
        head: the head that was read.
        data: all that came, from the head's first byte on.
        transport: the connection.
        peer: SHA-256 of the client's certificate, or None.
        over: called once it is answered, with what `start` returned and the bytes that came after it.
    """

    __slots__ = (
        "_begun", "_came", "_data", "_dates", "_drained", "_gone", "_half", "_head", "_over", "_paused",
        "_pieces", "_transport", "_waiter", "_way", "keep_alive", "known", "local", "path",
        "peer",
    )  # fmt: skip

    def __init__(
        self,
        way: ShortWay,
        head: Head,
        data: bytes,
        transport: asyncio.Transport,
        peer: bytes | None,
        over: Over,
    ) -> None:
        self.keep_alive = head.keep_alive
        self.path = head.path
        self.local = way.local
        self.peer = peer
        self.known: Grant | None = None
        self._way = way
        self._head = head
        self._data = data
        self._pieces: list[bytes] = []
        self._came = len(data)
        self._half = 0
        self._transport = transport
        self._dates: Headers = ()
        self._over = over
        self._gone = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._begun: Swift | None = None

    # What the connection reports

    def start(self, loop: asyncio.AbstractEventLoop, dates: Headers) -> Swift:
        """Begin to answer; `dates` are the headers that every answer of the server carries."""
        self._dates = dates
        self._begun = self._way.routes.begin(self, loop)
        return self._begun

    def feed(self, data: bytes) -> None:
        """Take what came next: the rest of the body, or what a hasty client sent after it."""
        # Joined once, when the body is whole: a client may send it byte by byte.
        self._pieces.append(data)
        self._came += len(data)
        waiter, missing = self._waiter, self.missing
        if waiter is not None and not waiter.done():
            if missing > 0:
                self._hold(len(data))
            else:
                waiter.set_result(None)
        if -missing > AHEAD:
            self._transport.pause_reading()

    def lost(self) -> None:
        """The client hung up."""
        self._gone = True
        if self._begun is not None:
            self._begun.give_up()

    def pause(self) -> None:
        """The client reads slowly: write no more."""
        self._paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What the route asks for

    @property
    @override
    def gone(self) -> bool:
        return self._gone

    @property
    @override
    def missing(self) -> int:
        head = self._head
        return head.start + head.length - self._came

    def _all(self) -> bytes:
        """All that came."""
        if self._pieces:
            self._data = b"".join((self._data, *self._pieces))
            self._pieces.clear()
        return self._data

    def _hold(self, size: int) -> None:
        """Count what came of a body that is not whole; too much in all ends the waiting for it."""
        self._half += size
        try:
            HALVES.take(size)
        except BoxCrowded as error:
            if self._waiter is not None:
                self._waiter.set_exception(error)

    @override
    def authorization(self, limit: int) -> str | None:
        return authorization_of(self._head.authorization, self._head.api_key)

    @override
    def patient(self) -> str | None:
        value = self._head.patient
        return None if value is None else patient_of(value)

    @override
    async def body(self, limit: int) -> bytes:
        if self.missing > 0:
            await self._rest_of_body()
        return self.at_hand()

    @override
    def at_hand(self) -> bytes:
        head = self._head
        return self._all()[head.start : head.start + head.length]

    async def _rest_of_body(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        self._hold(self._came)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await self._waiter
        except TimeoutError:
            raise BodyTooSlow(seconds=BODY_SECONDS) from None

    @override
    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.write(status, [b"%b: %b\r\n" % field for field in headers], body)

    @override
    def write(self, status: int, head: list[bytes], body: bytes) -> None:
        if self.missing > 0:
            # Refused before its body came: what still comes of it is no request.
            self.keep_alive = False
        begin, close = self._frame(status)
        self._transport.write(b"".join((begin, *head, close, b"\r\n", body)))

    @override
    async def begin(self, headers: Headers) -> None:
        begin, close = self._frame(200)
        lines = [b"%b: %b\r\n" % field for field in headers]
        chunked = b"transfer-encoding: chunked\r\n\r\n"
        self._transport.write(b"".join((begin, *lines, close, chunked)))

    @override
    async def pass_on(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._paused:
            data = b""
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    @override
    async def end(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    @override
    def leave(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            head = self._head
            HALVES.give_back(self._half)
            self._over(self, begun, self._all()[head.start + head.length :])

    def _frame(self, status: int) -> tuple[bytes, bytes]:
        """The first lines of an answer, and the last."""
        begin: bytes = STATUS_LINE[status] + self._way.dates.lines(self._dates)
        return begin, b"" if self.keep_alive else b"connection: close\r\n"
