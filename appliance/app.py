"""The application: FastAPI for everything that is not hot, behind the door that every request passes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from warnings import filterwarnings

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from appliance.api.dialects.table import DIALECTS
from appliance.api.door import Door, Limits
from appliance.api.errors import (
    BodyMalformed,
    FieldRefused,
    MethodRefused,
    RouteUnknown,
    TypeRefused,
)
from appliance.api.front import Front
from appliance.api.hosts import Hosts
from appliance.api.hot.line import ShortWay
from appliance.api.openapi import describe
from appliance.api.refusing import refused
from appliance.api.routes import (
    access,
    adapters,
    alerts,
    approvals,
    audit,
    audit_archives,
    audit_exports,
    backups,
    batches,
    bodies,
    cluster,
    deployments,
    docs,
    events,
    files,
    finetuning,
    forwarding,
    imports,
    jobs,
    leases,
    me,
    metrics,
    models,
    planning,
    posture,
    roles,
    signin,
    slots,
    specialists,
    storage,
    system,
    updates,
    usage,
    users,
    vault,
    vault_keys,
    witnesses,
)
from appliance.errors import ApplianceError
from appliance.services.version import VERSION
from eval.errors import EvalError
from firmware_checks.errors import FirmwareError
from models.errors import ModelsError
from secure_compute.errors import SecureComputeError

_REFUSALS: Final = (ApplianceError, EvalError, FirmwareError, ModelsError, SecureComputeError)
# FastAPI would send spans, and the texts of exceptions, wherever variables of the environment say.
_SILENT: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
ROUTERS: Final = tuple(
    room.router
    for room in (
        system,
        vault,
        vault_keys,
        slots,
        access,
        me,
        users,
        roles,
        approvals,
        usage,
        models,
        deployments,
        adapters,
        leases,
        planning,
        cluster,
        specialists,
        jobs,
        audit,
        audit_archives,
        audit_exports,
        witnesses,
        forwarding,
        bodies,
        posture,
        updates,
        backups,
        storage,
        metrics,
        events,
        imports,
        alerts,
        files,
        batches,
        finetuning,
        signin,
        docs,
    )
)


class BoxApi(FastAPI):
    """FastAPI with the door before its routing."""

    def __init__(self, front: Front) -> None:
        super().__init__(
            title="WardBox",
            version=VERSION,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            lifespan=_lifespan,
            redirect_slashes=False,
            telemetry=_SILENT,
        )
        self.state.front = front
        limit = front.settings.server.max_body_bytes
        self._limit = limit
        self._hosts = Hosts(front.host_names())
        self._door = Door(
            super().__call__,
            front.routes,
            self._hosts,
            Limits(limit, front.settings.files.max_bytes),
            front.clock,
            front.watch.observed,
        )

    def short_way(self, *, local: bool) -> ShortWay:
        """The way of plain model requests, for a server on TLS or on the local Unix socket."""
        return ShortWay(self.state.front.routes, self._hosts, self._limit, local)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through a lifespan."""
        await self._door(scope, receive, send)

    @override
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, with the hot routes and problems in it."""
        if not self.openapi_schema:
            every = (route for room in ROUTERS for route in room.routes)
            self.openapi_schema = describe(self, every)
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    front: Front = app.state.front
    await front.start()
    try:
        yield
    finally:
        await front.close()


def create_app(front: Front) -> BoxApi:
    """Make the application of a box; its lifespan opens and closes the front."""
    # The wire's types are built at their first use, where FastAPI no longer hushes what it knows of.
    filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)
    app = BoxApi(front)
    for router in ROUTERS:
        app.include_router(router)
    front.watch.observed.admit_routes(
        (*DIALECTS, *(getattr(route, "path", "") for room in ROUTERS for route in room.routes))
    )
    for kind in _REFUSALS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    ident = str(request.scope.get("wardbox.request_id", ""))
    told = refused(error, ident, request.scope["path"], request.scope["headers"])
    headers = {name.decode(): value.decode() for name, value in told.headers}
    return Response(told.body, told.problem.status, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    first: dict[str, Any] = faults[0] if faults else {"type": "", "loc": (), "msg": ""}
    if first["type"] == "json_invalid":
        return await _refused(request, BodyMalformed(reason=_plain(first["ctx"].get("error", ""))))
    if first["loc"] == ("body",) and isinstance(first.get("input"), bytes):
        # Only what calls itself JSON is read as such: a form of another site cannot.
        return await _refused(
            request, TypeRefused(kind=_plain(request.headers.get("content-type", "")))
        )
    place = [str(part) for part in first["loc"] if part not in {"body", "query", "path", "header"}]
    reason = _plain(str(first["msg"]))
    field = _plain(".".join(place)) or "$"
    refusal = FieldRefused(field=field, reason_zh=f"不合要求({reason})", reason_en=reason)
    return await _refused(request, refusal)


async def _http(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, _REFUSALS):
        # FastAPI takes whatever ends the reading of a body for a malformed one.
        return await _refused(request, error.__cause__)
    status = error.status_code if isinstance(error, HTTPException) else 500
    known: dict[int, Callable[[], Exception]] = {
        HTTPStatus.NOT_FOUND: RouteUnknown,
        HTTPStatus.METHOD_NOT_ALLOWED: lambda: MethodRefused(allow=_methods(request.scope["path"])),
        HTTPStatus.BAD_REQUEST: lambda: BodyMalformed(reason="body"),
    }
    made = known.get(status)
    return await _refused(request, error if made is None else made())


def _methods(path: str) -> str:
    """Every method that a path takes (RFC 9110, 10.2.1); the router knows but its first match.

    Of several templates the plainest counts: `/users/me` is no `/users/{name}`.
    """
    found = [
        route
        for room in ROUTERS
        for route in room.routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
    ]
    fewest = min((len(route.param_convertors) for route in found), default=0)
    plainest = (route.methods or () for route in found if len(route.param_convertors) == fewest)
    return ", ".join(sorted({method for methods in plainest for method in methods}))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:160])
