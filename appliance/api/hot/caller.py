"""Who is on the other end of a model request: how its body is read and its answer is written."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from starlette.types import Receive, Scope, Send
from typing_extensions import override

from appliance.access.grants import Grant
from appliance.api.hot.body import patient_in, read_body, read_head
from appliance.api.hot.departure import Departure, Departures

Headers = Sequence[tuple[bytes, bytes]]
Message: Final = "http.response.body"


class Caller(ABC):
    """One request and the way back.

    Attributes:
        path: The path that was asked for.
        local: Whether it came over the local Unix socket.
        peer: SHA-256 of the certificate that the client showed and TLS verified, or None.
        known: Who calls, where the box itself does it for somebody; else None.
    """

    __slots__ = ()

    path: str
    local: bool
    peer: bytes | None
    known: Grant | None

    @property
    @abstractmethod
    def gone(self) -> bool:
        """Whether the client hung up, for which the request's task was cancelled."""

    @abstractmethod
    def authorization(self, limit: int) -> str | None:
        """Judge the head; return the Authorization header. Raises BodyTooLarge and the like."""

    @abstractmethod
    def patient(self) -> str | None:
        """The patient whom the request names, as the hospital does. Raises PatientInvalid."""

    @abstractmethod
    async def body(self, limit: int) -> bytes:
        """The whole body. Raises BodyTooLarge, BodyTooSlow."""

    @abstractmethod
    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Write a whole answer; content-length is among the headers."""

    @abstractmethod
    async def begin(self, headers: Headers) -> None:
        """Begin a streamed answer, status 200."""

    @abstractmethod
    async def pass_on(self, data: bytes) -> None:
        """Write a piece of a streamed answer; waits for a slow reader."""

    @abstractmethod
    async def end(self, data: bytes) -> None:
        """Write the last piece of a streamed answer."""

    @abstractmethod
    def leave(self) -> None:
        """The request is over, however it went."""


class NearCaller(Caller):
    """A caller on its own connection: what came of its request lies here, and writing does not wait."""

    __slots__ = ()

    @property
    @abstractmethod
    def missing(self) -> int:
        """Bytes of the body that have not come; negative when more came."""

    @abstractmethod
    def at_hand(self) -> bytes:
        """The whole body, where none of it is missing."""

    @abstractmethod
    def write(self, status: int, head: list[bytes], body: bytes) -> None:
        """Write a whole answer; `head` are its header lines, in pieces as they are joined."""


class AsgiCaller(Caller):
    """A request that came through the full HTTP parser, as an ASGI server hands it over."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, departures: Departures) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._departures = departures
        self.path: str = scope["path"]
        self.local = bool(scope.get("wardbox.local"))
        self.peer: bytes | None = scope.get("wardbox.peer")
        self.known: Grant | None = None
        self._departure: Departure | None = None

    @property
    @override
    def gone(self) -> bool:
        return self._departure is not None and self._departure.gone

    @override
    def authorization(self, limit: int) -> str | None:
        return read_head(self._scope, limit)

    @override
    def patient(self) -> str | None:
        return patient_in(self._scope)

    @override
    async def body(self, limit: int) -> bytes:
        body = await read_body(self._receive, limit)
        self._departure = Departure(self._receive)
        self._departures.expect(self._departure)
        return body

    @override
    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self._send(
            {"type": "http.response.start", "status": status, "headers": list(headers)}
        )
        await self._send({"type": Message, "body": body})

    @override
    async def begin(self, headers: Headers) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": list(headers)})

    @override
    async def pass_on(self, data: bytes) -> None:
        await self._send({"type": Message, "body": data, "more_body": True})

    @override
    async def end(self, data: bytes) -> None:
        await self._send({"type": Message, "body": data, "more_body": False})

    @override
    def leave(self) -> None:
        if self._departure is not None:
            self._departure.stop()
