"""One request to an engine and its answer, as the bytes come in."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from typing_extensions import override

from appliance.serving.errors import EngineFaulty

_MAX_ANSWER: Final = 64 * 1_048_576


class Carrier(Protocol):
    """The connection that carries an exchange."""

    def resume(self) -> None:
        """Read on after a pause."""
        ...

    def close(self) -> None:
        """Hang up now."""
        ...


class Exchange:
    """One request under way and its answer as it comes in."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_loop",
        "_over",
        "_waiter",
        "buffered",
        "complete",
        "error",
        "heard",
        "status",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.complete = False
        self.heard = loop.time()
        self.buffered = 0
        self._loop = loop
        self._chunks: list[bytes] = []
        self._connection: Carrier | None = None
        self.error: Exception | None = None
        """Why the answer will never be whole."""
        self._waiter: asyncio.Future[None] | None = None
        self._over: Callable[[], None] | None = None

    # What the connection reports

    def attach(self, connection: Carrier) -> None:
        """Remember which connection carries this exchange."""
        self._connection = connection

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._chunks.append(data)
        self.buffered += len(data)

    def finish(self) -> None:
        """The answer is whole."""
        self.complete = True
        self._connection = None
        if self._over is not None:
            self._leave(self._over)
        self.wake()

    def fail(self, error: Exception) -> None:
        """The answer will never be whole."""
        if not self.complete:
            self.error = error
        self._connection = None
        if self._over is not None:
            self._leave(self._over)
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _leave(self, over: Callable[[], None]) -> None:
        self._over = None
        over()

    # What the gateway asks for

    def hold(self, over: Callable[[], None]) -> None:
        """Have `over` called once the connection carries this exchange no more: now, if so."""
        if self._connection is None:
            over()
        else:
            self._over = over

    async def begun(self) -> "Exchange":
        """Wait for the status; whoever waits no longer hangs up.

        Raises:
            EngineGone: the engine closed first.
            EngineSilent: it said nothing for too long.
        """
        try:
            while not self.status:
                await self._waiting()
        except BaseException:
            self.abort()
            raise
        return self

    async def whole(self) -> bytes:
        """Wait for the whole body; the errors of `begun`. Whoever waits no longer hangs up."""
        try:
            while not self.complete:
                self._read_on()
                await self._waiting()
        except BaseException:
            self.abort()
            raise
        return self.body()

    def _read_on(self) -> None:
        """Nobody takes pieces of the answer away: the connection must not wait for that."""
        if self.buffered > _MAX_ANSWER:
            raise EngineFaulty(reason=f"> {_MAX_ANSWER} B")
        if self._connection is not None:
            self._connection.resume()

    def body(self) -> bytes:
        """What has come of the body and was not taken yet."""
        chunks = self._chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def more(self) -> bytes:
        """Wait for what comes next of the body; b"" is its end; the errors of `begun`."""
        while not self._chunks and not self.complete:
            await self._waiting()
        piece = self.body()
        self._chunks, self.buffered = [], 0
        if self._connection is not None:
            self._connection.resume()
        return piece

    def abort(self) -> None:
        """Hang up, so that the engine stops writing; nothing happens once complete."""
        if self._connection is not None:
            self._connection.close()

    def _waiting(self) -> asyncio.Future[None]:
        """What is done when there is something to look at."""
        # Looked at before waiting only: pieces that came ahead of a failure are handed over first.
        error = self.error
        if error is not None:
            raise error
        waiter = self._waiter = self._loop.create_future()
        return waiter


class Called(Exchange):
    """An exchange that nobody waits for: it calls once its answer is whole, or will never be.

    Args:
        loop: the loop.
        ended: called with nothing, at the end, in the middle of what the connection does.
    """

    __slots__ = ("_ended",)

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
        super().__init__(loop)
        self._ended: Callable[[], None] | None = ended

    @override
    def wake(self) -> None:
        if self.complete or self.error is not None:
            ended, self._ended = self._ended, None
            if ended is not None:
                ended()
            return
        connection = self._connection
        try:
            self._read_on()
        except EngineFaulty as error:
            self.fail(error)
            if connection is not None:
                connection.close()

    def leave(self) -> None:
        """Nobody is interested any more: hang up, so that the engine stops writing."""
        self._ended = None
        self.abort()
