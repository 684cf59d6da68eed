"""The door of the box: what every request passes before any route, and what every answer carries."""

import ipaddress
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.api.errors import BodyTooLarge, HostRefused
from appliance.api.hot.body import read_head
from appliance.api.hot.route import KINDS, HotRoutes
from appliance.api.problems import body_of, headers_of, problem_of
from appliance.audit.identifiers import request_id

_LOG = logging.getLogger("wardbox.api")
_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Hosts:
    """Which Host headers name this box: its own names, and any literal address.

    A browser led here by a rebound name sends that name; an address cannot be rebound.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset({"localhost", *(name.lower().rstrip(".") for name in names)})

    def knows(self, host: bytes) -> bool:
        """Whether the value of a Host header is one of ours."""
        name = host.decode("latin-1").strip().lower()
        if name.startswith("["):
            name = name[1:].partition("]")[0]
        else:
            name = name.rpartition(":")[0] if name.count(":") == 1 else name
        name = name.rstrip(".")
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class Door:
    """Judges head and size, hands model requests to the hot path and the rest to FastAPI.

    Args:
        app: the FastAPI application.
        hot: the hot path.
        hosts: which names are ours.
        limit: longest body in bytes.
        clock: UTC.
    """

    def __init__(
        self,
        app: ASGIApp,
        hot: HotRoutes,
        hosts: Hosts,
        limit: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._hot = hot
        self._hosts = hosts
        self._limit = limit
        self._clock = clock
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not scope.get("wardbox.local") and not self._host_known(scope):
            await self._send(send, scope, HostRefused(), request_id(self._clock))
        elif scope["path"] in KINDS and scope["method"] == "POST":
            await self._hot(scope, receive, send)
        else:
            await self._cold(scope, receive, send)

    def _host_known(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"host":
                # The few values in use are remembered; a flood of others is not.
                if value in self._known:
                    return True
                if self._hosts.knows(value):
                    if len(self._known) < len(_SAFE) * 16:
                        self._known.add(value)
                    return True
                return False
        return False

    async def _cold(self, scope: Scope, receive: Receive, send: Send) -> None:
        ident = scope["wardbox.request_id"] = request_id(self._clock)
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                known = {name for name, _ in message["headers"]}
                own = [(name, value) for name, value in _SAFE if name not in known]
                if b"x-request-id" not in known:
                    own.append((b"x-request-id", ident.encode()))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        try:
            read_head(scope, self._limit)
            await self._app(scope, _bounded(receive, self._limit), answer)
        except Exception as error:  # noqa: BLE001  # the API's wall
            if not begun:
                await self._send(send, scope, error, ident)
            elif not hasattr(error, "code"):
                _LOG.error("fault", exc_info=error, extra={"request_id": ident})

    @staticmethod
    async def _send(send: Send, scope: Scope, error: Exception, ident: str) -> None:
        problem = problem_of(error, ident, openai=scope["path"].startswith("/v1/"))
        if problem.code == "box.internal":
            _LOG.error("fault", exc_info=error, extra={"request_id": ident})
        body = body_of(problem)
        headers = headers_of(problem, len(body))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _bounded(receive: Receive, limit: int) -> Receive:
    """A receive that raises BodyTooLarge once more than `limit` bytes came."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise BodyTooLarge(limit=limit)
        return message

    return bounded


def local_door(app: ASGIApp) -> ASGIApp:
    """The same application for callers on the Unix socket: they are the local console."""

    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        scope["wardbox.local"] = True
        await app(scope, receive, send)

    return local
