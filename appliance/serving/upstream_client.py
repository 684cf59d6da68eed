"""A small pooled HTTP/1.1 client for engines, on httptools, over a Unix socket or loopback.

General clients cost 160 to 2,700 us a request at 64 at once; this one does what an engine needs:
POST with a JSON body, a whole or a streamed answer, keep-alive, one retry when a reused connection
turns out to be closed before its first byte, and `abort`, which makes the engine stop writing.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httptools
from typing_extensions import override

from appliance.serving.errors import EngineFaulty, EngineGone, EngineSilent
from appliance.serving.exchange import Exchange
from appliance.serving.places import Places

_HIGH_WATER: Final = 131_072


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens (`uds` first), its secret, and how long and wide it may be waited for.

    `silence_s` is the longest time without a byte; `limit` the most requests under way and waiting.
    `width` is the most connections: llama-server gives each one a thread for as long as it lives, so
    a connection beyond its threads would starve; requests beyond the width wait here, fairly.
    Of a model on another box `tls` is the way there, `connect_s` the longest time for it, and `head`
    makes the head of each request by its path, up to the length of the body.
    """

    uds: Path | None
    host: str
    port: int
    secret: str
    silence_s: float = 300.0
    limit: int = 1024
    width: int = 1024
    tls: ssl.SSLContext | None = None
    connect_s: float | None = None
    head: Callable[[str], bytes] | None = None


class Connection(asyncio.Protocol):
    """One connection to the engine; it carries one exchange at a time."""

    __slots__ = ("_parser", "_paused", "_pool", "_transport", "alive", "exchange")

    def __init__(self, pool: "UpstreamPool") -> None:
        self._pool = pool
        self._parser: Any = httptools.HttpResponseParser(self)
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
        # It holds this connection's methods: a ring that only the collector could undo, and
        # llama-server ends a connection with every stream.
        self._parser = None

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
        self._places = Places(endpoint.width, endpoint.limit - endpoint.width)
        self._over = self._places.vacate
        self.dismiss = self._places.dismiss
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
        """How many requests wait for a place."""
        return self._places.waiting

    @property
    def full(self) -> bool:
        """Whether every place is taken."""
        return self._places.free <= 0

    async def ask(
        self, path: str, body: bytes, asker: str = "", *, patient: bool = False
    ) -> Exchange:
        """Send a POST and wait for the status of its answer.

        Args:
            path: The engine's path.
            body: JSON.
            asker: Between whom places are shared out while there are too few.
            patient: Whether nobody waits for the answer: it comes after what is waited for.

        Raises:
            EngineGone: the engine does not answer or closed before the first byte (twice).
            EngineSilent: it said nothing for too long.
            EngineBusy, ShareFull: too many requests wait, of all or of this asker.
        """
        places = self._places
        if places.free > 0:
            places.free -= 1
        else:
            await places.turn(asker, body, patient=patient)
        try:
            request = self._head(path) + b"%d\r\n\r\n" % len(body) + body
            exchange = Exchange(self.loop)
            connection = self._reuse()
            if connection is not None:
                connection.send(exchange, request)
                try:
                    await exchange.begun()
                except EngineGone:  # It may have been closed as we wrote: a fresh one decides.
                    connection = None
            if connection is None:
                exchange = Exchange(self.loop)
                (await self._connect()).send(exchange, request)
                await exchange.begun()
        except BaseException:
            places.vacate()
            raise
        if exchange.complete:
            places.vacate()
        else:
            exchange.hold(self._over)
        return exchange

    def release(self, connection: Connection) -> None:
        """Take a connection back."""
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """Drop a dead connection."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def turn_away(self, why: Callable[[], Exception]) -> None:
        """Let nobody wait for a place any more; what is under way goes on."""
        self._places.turn_away(why)

    def close(self) -> None:
        """Hang up everywhere; exchanges under way fail with EngineGone."""
        self._closed = True
        self._sweeper.cancel()
        self.turn_away(lambda: EngineGone(reason="pool closed"))
        for connection in list(self._all):
            connection.close()

    def _reuse(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def _connect(self) -> Connection:
        self._require_open()
        connection = Connection(self)
        self._all.add(connection)
        try:
            if self.endpoint.uds is not None:
                await self.loop.create_unix_connection(lambda: connection, str(self.endpoint.uds))
            else:
                end = self.endpoint
                async with asyncio.timeout(end.connect_s):
                    await self.loop.create_connection(
                        lambda: connection, end.host, end.port, ssl=end.tls
                    )
            # It may have been closed while the connection was being made.
            self._require_open()
        except BaseException as error:
            self._all.discard(connection)
            connection.close()
            if isinstance(error, OSError):
                raise EngineGone(reason=error.strerror or "connect") from error
            raise
        return connection

    def _require_open(self) -> None:
        if self._closed:
            raise EngineGone(reason="pool closed")

    def _head(self, path: str) -> bytes:
        head = self._heads.get(path)
        if head is None:
            if self.endpoint.head is not None:
                return self.endpoint.head(path)
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
