"""One connection to an engine: what goes out, and what comes in, read by httptools."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Final

import httptools
from typing_extensions import override

from appliance.serving.errors import EngineFaulty, EngineGone
from appliance.serving.exchange import Exchange

_HIGH_WATER: Final = 131_072


class Owner(ABC):
    """Whoever keeps connections.

    Args:
        loop: the loop they live on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    @abstractmethod
    def release(self, connection: "Connection") -> None:
        """Take a connection back that is free for the next request."""

    @abstractmethod
    def forget(self, connection: "Connection") -> None:
        """Drop a dead connection."""


class Connection(asyncio.Protocol):
    """One connection to the engine; it carries one exchange at a time."""

    __slots__ = ("_parser", "_paused", "_pool", "_transport", "alive", "exchange")

    def __init__(self, pool: Owner) -> None:
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
            if exchange.buffered > _HIGH_WATER and not self._paused and self._transport:
                self._paused = True
                self._transport.pause_reading()
            exchange.wake()

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
