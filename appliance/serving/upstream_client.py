"""A small pooled HTTP/1.1 client for engines, on httptools, over a Unix socket or loopback.

General clients cost 160 to 2,700 us a request at 64 at once; this one does what an engine needs:
POST with a JSON body, a whole or a streamed answer, keep-alive, one retry when a reused connection
turns out to be closed before its first byte, and `abort`, which makes the engine stop writing.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httptools
from typing_extensions import override

from appliance.serving.errors import EngineBusy, EngineFaulty, EngineGone, EngineSilent
from appliance.serving.exchange import Exchange

_HIGH_WATER: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens (`uds` first), its secret, and how long and wide it may be waited for.

    `silence_s` is the longest time without a byte; `limit` the most requests under way and waiting.
    `width` is the most connections: llama-server gives each one a thread for as long as it lives, so
    a connection beyond its threads would starve; requests beyond the width wait here, in order.
    """

    uds: Path | None
    host: str
    port: int
    secret: str
    silence_s: float = 300.0
    limit: int = 1024
    width: int = 1024


class Connection(asyncio.Protocol):
    """One connection to the engine; it carries one exchange at a time."""

    __slots__ = ("_parser", "_paused", "_pool", "_transport", "alive", "exchange")

    def __init__(self, pool: "UpstreamPool") -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self.alive = False
        self.exchange: Exchange | None = None

    # asyncio.Protocol

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The engine took the connection."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport by protocol
        self.alive = True

    @override
    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; anything else ends the connection."""
        exchange = self.exchange
        if exchange is None:
            self.close()
            return
        exchange.heard = self._pool.loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            exchange.fail(EngineFaulty(reason="HTTP"))
            self.close()
            return
        if not exchange.complete:
            exchange.wake()
            if exchange.buffered > _HIGH_WATER and not self._paused and self._transport:
                self._paused = True
                self._transport.pause_reading()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """The engine hung up, or we did."""
        self.alive = False
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.fail(EngineGone(reason="connection lost" if exc is None else str(exc)))
        self._pool.forget(self)

    # httptools

    def on_headers_complete(self) -> None:
        """The status line and headers are in."""
        if self.exchange is not None:
            self.exchange.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A piece of the body is in."""
        if self.exchange is not None:
            self.exchange.feed(body)

    def on_message_complete(self) -> None:
        """The answer is whole: the connection is free for the next request."""
        exchange, self.exchange = self.exchange, None
        keep = self._parser.should_keep_alive()
        if exchange is not None:
            self.resume()
            exchange.finish()
        if keep and self.alive:
            self._pool.release(self)
        else:
            self.close()

    # The pool's side

    def send(self, exchange: Exchange, request: bytes) -> None:
        """Send a request; the answer goes to `exchange`."""
        self.exchange = exchange
        exchange.attach(self)
        if self._transport is not None:
            self._transport.write(request)

    def resume(self) -> None:
        """Read on after a pause."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up now; an exchange under way fails."""
        self.alive = False
        if self._transport is not None:
            self._transport.abort()


class UpstreamPool:
    """Connections to one engine, kept alive and reused last-in first-out."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._all: set[Connection] = set()
        self._heads: dict[str, bytes] = {}
        self._sweeper = self.loop.call_later(1.0, self._sweep)
        self._closed = False

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._all) - len(self._idle)

    @property
    def waiting(self) -> int:
        """How many requests wait for a free connection."""
        return len(self._waiting)

    async def ask(self, path: str, body: bytes) -> Exchange:
        """Send a POST and wait for the status of its answer.

        Raises:
            EngineGone: the engine does not answer or closed before the first byte (twice).
            EngineSilent: it said nothing for too long.
            EngineBusy: too many requests are under way.
        """
        request = self._head(path) + b"%d\r\n\r\n" % len(body) + body
        connection = self._reuse()
        if connection is None and len(self._all) >= self.endpoint.width:
            connection = await self._turn()
        if connection is not None:
            exchange = Exchange(self.loop)
            connection.send(exchange, request)
            try:
                return await exchange.begun()
            except EngineGone:
                # An idle connection may have been closed as we wrote: a fresh one decides.
                pass
        connection = await self._connect()
        exchange = Exchange(self.loop)
        connection.send(exchange, request)
        return await exchange.begun()

    def release(self, connection: Connection) -> None:
        """Take a connection back, or pass it on to who waits longest."""
        if self._closed:
            connection.close()
        elif not self._pass_on(connection):
            self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """Drop a dead connection."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        # Its place is free: who waits longest may connect anew.
        self._pass_on(None)

    def close(self) -> None:
        """Hang up everywhere; exchanges under way fail with EngineGone."""
        self._closed = True
        self._sweeper.cancel()
        for connection in list(self._all):
            connection.close()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(EngineGone(reason="pool closed"))

    def _pass_on(self, connection: Connection | None) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    async def _turn(self) -> Connection | None:
        """Wait for a free connection; None means that a new one may be made."""
        if len(self._waiting) + len(self._all) >= self.endpoint.limit:
            raise EngineBusy(waiting=len(self._waiting), retry_after_s=2)
        waiter: asyncio.Future[Connection | None] = self.loop.create_future()
        self._waiting.append(waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise
        return connection if connection is not None and connection.alive else None

    def _give_back(self, connection: Connection | None) -> None:
        if connection is None:
            self._pass_on(None)
        elif connection.alive:
            self.release(connection)

    def _reuse(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise EngineGone(reason="pool closed")
        connection = Connection(self)
        self._all.add(connection)
        try:
            if self.endpoint.uds is not None:
                await self.loop.create_unix_connection(lambda: connection, str(self.endpoint.uds))
            else:
                await self.loop.create_connection(
                    lambda: connection, self.endpoint.host, self.endpoint.port
                )
        except OSError as error:
            self._all.discard(connection)
            raise EngineGone(reason=error.strerror or "connect") from error
        except BaseException:
            self._all.discard(connection)
            raise
        return connection

    def _head(self, path: str) -> bytes:
        head = self._heads.get(path)
        if head is None:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {self.endpoint.secret}\r\nContent-Length: "
            ).encode("ascii")
            self._heads[path] = head
        return head

    def _sweep(self) -> None:
        oldest = self.loop.time() - self.endpoint.silence_s
        for connection in list(self._all):
            exchange = connection.exchange
            if exchange is not None and exchange.heard < oldest:
                exchange.fail(EngineSilent(seconds=int(self.endpoint.silence_s)))
                connection.close()
        self._sweeper = self.loop.call_later(1.0, self._sweep)
