"""A small pooled HTTP/1.1 client for engines, over a Unix socket or loopback.

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

from typing_extensions import override

from appliance.serving.connection import Connection, Owner
from appliance.serving.errors import EngineGone, EngineSilent
from appliance.serving.exchange import Called, Exchange
from appliance.serving.places import Places


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


class UpstreamPool(Owner):
    """Connections to one engine, kept alive and reused last-in first-out."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(asyncio.get_running_loop())
        self.endpoint = endpoint
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

    @property
    def ready(self) -> bool:
        """Whether a request could be put at once."""
        idle = self._idle
        while idle and not idle[-1].alive:
            idle.pop()
        return self._places.free > 0 and bool(idle)

    async def ask(
        self, path: str, body: bytes, asker: str = "", *, patient: bool = False, fresh: bool = False
    ) -> Exchange:
        """Send a POST and wait for the status of its answer.

        Args:
            path: The engine's path.
            body: JSON.
            asker: Between whom places are shared out while there are too few.
            patient: Whether nobody waits for the answer: it comes after what is waited for.
            fresh: Whether no connection is used that was used before.

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
            request = self._request(path, body)
            exchange = Exchange(self.loop)
            connection = None if fresh else self._reuse()
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

    def put(self, path: str, body: bytes, ended: Callable[[], None]) -> Called:
        """Send a POST at once; only where the pool is `ready`.

        A connection that turns out to be closed before the first byte is no fault of the engine:
        then `ask` for a fresh one.

        Args:
            path: The engine's path.
            body: JSON.
            ended: Called once the answer is whole, or will never be.
        """
        connection = self._idle.pop()
        self._places.free -= 1
        exchange = Called(self.loop, ended)
        connection.send(exchange, self._request(path, body))
        exchange.hold(self._over)
        return exchange

    def moves_on(self, error: Exception) -> bool:
        """Whether there is another place for a request whose answer broke off: one engine has none."""
        del error
        return False

    @override
    def release(self, connection: Connection) -> None:
        """Take a connection back that is free for the next request."""
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    @override
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

    def _request(self, path: str, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head(path), len(body), body)

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
