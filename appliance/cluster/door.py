"""The peer door: the one place where the other boxes of the cluster are heard, over mutual TLS only."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from appliance.cluster.announcement import MAX_ANNOUNCEMENT, Signed
from appliance.cluster.errors import AnnouncementRefused, AnnouncementStale, PeerRefused
from appliance.errors import ApplianceError
from models.errors import EngineDraining
from secure_compute.errors import CertificateRefused
from secure_compute.peers import peer_address

if TYPE_CHECKING:
    from aiohttp import web

SIGNATURE: Final = "X-WardBox-Signature"
MODEL: Final = "X-WardBox-Model"
ADAPTER: Final = "X-WardBox-Adapter"
REQUEST: Final = "X-WardBox-Request"
ANNOUNCE: Final = "/announce"
GONE: Final = HTTPStatus.BAD_GATEWAY
ELSEWHERE: Final = HTTPStatus.MISDIRECTED_REQUEST
BUSY: Final = HTTPStatus.TOO_MANY_REQUESTS
_FULL: Final = frozenset({"engine.busy", "engine.share-full"})
_MAX_BODY: Final = 64 << 20
_GRACE_S: Final = 1.0


class Answer(Protocol):
    """An engine's answer as it comes in."""

    status: int

    async def more(self) -> bytes:
        """What comes next of the body; b"" is its end."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that another box took and sends on.

    Attributes:
        peer: Address of that box, from its certificate.
        path: Path at the engine.
        model: Model id.
        adapter: Adapter, or None.
        request_id: Under which the other box has it on record.
        body: For the engine.
    """

    peer: str
    path: str
    model: str
    adapter: str | None
    request_id: str
    body: bytes


class Desk(Protocol):
    """What stands behind the door."""

    def hear(self, signed: Signed, sender: str, certificate: bytes) -> None:
        """Take an announcement. Raises AnnouncementRefused, AnnouncementStale."""
        ...

    def epoch(self) -> str:
        """What announcements to this box must name."""
        ...

    def visit(self, visit: Visit) -> AbstractAsyncContextManager[Answer]:
        """Ask an engine of this box for another. Raises PeerRefused, or what the engine did."""
        ...


class PeerDoor:
    """Listens on the interconnect address and nowhere else.

    Args:
        context: TLS that asks for a certificate of the cluster.
        desk: Answers.
    """

    def __init__(self, context: ssl.SSLContext, desk: Desk) -> None:
        self._context = context
        self._desk = desk
        self._runner: web.AppRunner | None = None

    async def open(self, address: str, port: int) -> None:
        """Begin to listen. Raises OSError."""
        from aiohttp import web  # noqa: PLC0415  # only boxes of a cluster need a server of it

        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post(ANNOUNCE, self._guarded(self._announce))
        app.router.add_post("/{path:.*}", self._guarded(self._visit))
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE_S
        )
        await runner.setup()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            await web.SockSite(runner, listener, ssl_context=self._context).start()
        except BaseException:
            listener.close()
            await runner.cleanup()
            raise
        self._runner = runner

    async def close(self) -> None:
        """Hang up on everybody."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _guarded(
        self, answer: "Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]"
    ) -> "Callable[[web.Request], Awaitable[web.StreamResponse]]":
        from aiohttp import web  # noqa: PLC0415

        async def guarded(request: "web.Request") -> "web.StreamResponse":
            wire = request.transport
            tls = None if wire is None else wire.get_extra_info("ssl_object")
            certificate = None if tls is None else tls.getpeercert(binary_form=True)
            if certificate is None:
                return web.Response(status=HTTPStatus.FORBIDDEN)
            return await answer(request, certificate)

        return guarded

    async def _announce(self, request: "web.Request", certificate: bytes) -> "web.Response":
        from aiohttp import web  # noqa: PLC0415

        body = await request.content.read(MAX_ANNOUNCEMENT + 1)
        while len(body) <= MAX_ANNOUNCEMENT and not request.content.at_eof():
            body += await request.content.read(MAX_ANNOUNCEMENT)
        status = HTTPStatus.OK
        try:
            signed = Signed(body[: MAX_ANNOUNCEMENT + 1], request.headers.get(SIGNATURE, ""))
            self._desk.hear(signed, peer_address(certificate), certificate)
        except AnnouncementStale:
            status = HTTPStatus.CONFLICT
        except (AnnouncementRefused, CertificateRefused):
            return web.Response(status=HTTPStatus.FORBIDDEN)
        return web.Response(status=status, text=self._desk.epoch())

    async def _visit(self, request: "web.Request", certificate: bytes) -> "web.StreamResponse":
        from aiohttp import web  # noqa: PLC0415

        try:
            peer = peer_address(certificate)
        except CertificateRefused:
            return web.Response(status=HTTPStatus.FORBIDDEN)
        visit = Visit(
            peer,
            request.path,
            request.headers.get(MODEL, ""),
            request.headers.get(ADAPTER) or None,
            request.headers.get(REQUEST, ""),
            await request.read(),
        )
        try:
            async with _answered(self._desk.visit(visit)) as answer:
                return await _relay(request, answer)
        except _Refusal as refusal:
            return web.Response(status=refusal.status)


async def _relay(request: "web.Request", answer: Answer) -> "web.StreamResponse":
    from aiohttp import web  # noqa: PLC0415

    response = web.StreamResponse(status=answer.status)
    await response.prepare(request)
    try:
        while data := await answer.more():
            await response.write(data)
        await response.write_eof()
    except (ApplianceError, ConnectionError):
        # Half an answer is with the other box already: it must not end like a whole one.
        if request.transport is not None:
            request.transport.abort()
    return response


class _Refusal(Exception):  # no error: a status to send
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__()
        self.status = status


@asynccontextmanager
async def _answered(visit: AbstractAsyncContextManager[Answer]) -> AsyncIterator[Answer]:
    """Enter a visit; what keeps it from an answer becomes the status that the other box goes by."""
    try:
        answer = await visit.__aenter__()
    except (PeerRefused, EngineDraining, CertificateRefused):
        raise _Refusal(ELSEWHERE) from None
    except ApplianceError as error:
        raise _Refusal(BUSY if error.code in _FULL else GONE) from error
    try:
        yield answer
    finally:
        await visit.__aexit__(None, None, None)
