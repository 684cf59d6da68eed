"""The door of the box: what every request passes before any route, and what every answer carries."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.api.crowd import HALVES
from appliance.api.dialects.table import DIALECTS
from appliance.api.errors import BodyTooLarge, BodyTooSlow, HostRefused, MethodRefused
from appliance.api.hosts import Hosts
from appliance.api.hot import body
from appliance.api.hot.body import read_head
from appliance.api.hot.route import HotRoutes
from appliance.api.refusing import refused
from appliance.audit.identifiers import request_id
from appliance.batches.errors import FileTooLarge
from appliance.errors import ApplianceError
from appliance.settings.log import REQUEST
from appliance.telemetry.observed import OTHER, Observed

_LOG = logging.getLogger("wardbox.api")
_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_UPLOAD: Final = "/v1/files"
_FORM: Final = 65_536
"""Bytes that a form may hold beside its file."""
_SLOWEST: Final = 65_536
"""Bytes in a second that a long body must come at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a body may be.

    Args:
        body: longest body of a request, in bytes.
        file: longest file that is sent, in bytes.
    """

    body: int
    file: int

    def of(self, scope: Scope) -> tuple[int, ApplianceError]:
        """The limit of a request in bytes, and what is told to one beyond it."""
        if scope["path"] == _UPLOAD and scope["method"] == "POST":
            return self.file + _FORM, FileTooLarge(limit=self.file)
        return self.body, BodyTooLarge(limit=self.body)


class Door:
    """Judges head and size, hands model requests to the hot path and the rest to FastAPI.

    Args:
        app: the FastAPI application.
        hot: the hot path.
        hosts: which names are ours.
        limits: how long bodies may be.
        clock: UTC.
        observed: counts what was answered.
    """

    def __init__(  # it stands between all of these
        self,
        app: ASGIApp,
        hot: HotRoutes,
        hosts: Hosts,
        limits: Limits,
        clock: Callable[[], datetime],
        observed: Observed,
    ) -> None:
        self._app = app
        self._hot = hot
        self._hosts = hosts
        self._limits = limits
        self._clock = clock
        self._observed = observed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not scope.get("wardbox.local") and not self._host_known(scope):
            await self._send(send, scope, HostRefused(), request_id(self._clock))
        elif scope["path"] in DIALECTS and scope["method"] == "POST":
            await self._hot(scope, receive, send)
        else:
            await self._cold(scope, receive, send)

    def _host_known(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"host":
                return self._hosts.knows(value)
        return False

    async def _cold(self, scope: Scope, receive: Receive, send: Send) -> None:
        ident = scope["wardbox.request_id"] = request_id(self._clock)
        REQUEST.set(ident)
        begun, status, held = time.perf_counter(), 0, _Held(scope)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                known = {name for name, _ in message["headers"]}
                own = [(name, value) for name, value in _SAFE if name not in known]
                if b"x-request-id" not in known:
                    own.append((b"x-request-id", ident.encode()))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        try:
            limit, beyond = self._limits.of(scope)
            _judge(scope, limit, beyond)
            await self._app(scope, _bounded(receive, limit, beyond, held), answer)
        except Exception as error:  # noqa: BLE001  # the API's wall
            if not status:
                status = await self._send(send, scope, error, ident)
            elif not hasattr(error, "code"):
                _LOG.error("fault", exc_info=error, extra={"request_id": ident})
        finally:
            HALVES.give_back(held.size)
            route = getattr(scope.get("route"), "path", OTHER)
            seconds = time.perf_counter() - begun
            self._observed.answered(route, "", status, seconds, None, 0, 0)

    @staticmethod
    async def _send(send: Send, scope: Scope, error: Exception, ident: str) -> int:
        told = refused(error, ident, scope["path"], scope["headers"])
        status = told.problem.status
        if told.problem.code == "box.internal":
            _LOG.error("fault", exc_info=error, extra={"request_id": ident})
        await send({"type": "http.response.start", "status": status, "headers": told.headers})
        await send({"type": "http.response.body", "body": told.body})
        return status


def _judge(scope: Scope, limit: int, beyond: ApplianceError) -> None:
    """Judge a head. Raises `beyond`, MethodRefused, EncodingRefused or AccessRefused."""
    if scope["path"] in DIALECTS:
        # What is no POST there came here.
        raise MethodRefused(allow="POST")
    try:
        read_head(scope, limit)
    except BodyTooLarge:
        raise beyond from None


class _Held:
    """What a request holds of the room for bodies: a file goes to the disk, and holds none."""

    __slots__ = ("_counts", "size")

    def __init__(self, scope: Scope) -> None:
        self._counts = scope["path"] != _UPLOAD
        self.size = 0

    def take(self, size: int) -> None:
        """Hold more. Raises BoxCrowded."""
        if self._counts:
            self.size += size
            HALVES.take(size)


def _bounded(receive: Receive, limit: int, beyond: ApplianceError, held: _Held) -> Receive:
    """A receive that bounds a body in length and time.

    It raises `beyond` once more than `limit` bytes came, BoxCrowded once all bodies together are
    too much to hold, and BodyTooSlow once the body is late: it has `BODY_SECONDS`, and more by what
    came of it at `_SLOWEST` bytes a second.
    """
    loop = asyncio.get_running_loop()
    taken, whole, begun = 0, False, loop.time()

    async def bounded() -> Message:
        nonlocal taken, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(begun + body.BODY_SECONDS + taken / _SLOWEST):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow(seconds=round(loop.time() - begun)) from None
        size = len(message.get("body", b""))
        taken += size
        held.take(size)
        if taken > limit:
            raise beyond
        whole = not message.get("more_body")
        return message

    return bounded


def local_door(app: ASGIApp) -> ASGIApp:
    """The same application for callers on the Unix socket: they are the local console."""

    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        scope["wardbox.local"] = True
        await app(scope, receive, send)

    return local
