"""What routes ask for in their signatures: the open box, who calls, and the permission to go on."""

from typing import Annotated, Final

from fastapi import Depends, Header, Request
from typing_extensions import override

from appliance.access.gate import LOCAL
from appliance.access.grants import Grant
from appliance.access.sign_in_desk import person
from appliance.api.errors import LocalOnly
from appliance.api.front import Front
from appliance.api.hot.body import patient_in, read_head
from appliance.services.open_box import Services

_JUDGED: Final = 1 << 62
"""The door has judged the length of the body."""


def front_of(request: Request) -> Front:
    """The front of the box, open or not."""
    front: Front = request.app.state.front
    return front


def services_of(request: Request) -> Services:
    """The open box. Raises VaultLocked."""
    return front_of(request).opened()


def is_local(request: Request) -> bool:
    """Whether the request came through the Unix socket, whose file mode is its lock."""
    return bool(request.scope.get("wardbox.local"))


def grant_of(request: Request) -> Grant:
    """Who calls. Raises VaultLocked or AccessRefused."""
    services = services_of(request)
    access = services.access
    authorization = read_head(request.scope, _JUDGED)
    if authorization is None and is_local(request):
        return access.local_grant()
    peer: bytes | None = request.scope.get("wardbox.peer")
    if authorization is None and peer is not None:
        known = services.signin.grant_of_certificate(peer)
        if known is not None:
            return known
    return access.authenticate(authorization)


class Standing:
    """Tells of a caller, while something lasts, whether what let them in still does."""

    def __init__(self, request: Request) -> None:
        self._front = front_of(request)
        self._peer: bytes | None = request.scope.get("wardbox.peer")
        self._shown = self._certified(services_of(request))
        self.stopping = self._front.stopping
        """Set when the box stops."""

    def holds(self, who: Grant) -> bool:
        """Whether the grant holds, and the certificate that stood for it. Raises VaultLocked."""
        services = self._front.opened()
        if not services.access.alive(who):
            return False
        return self._shown is not who or self._certified(services) is not None

    def _certified(self, services: Services) -> Grant | None:
        peer = self._peer
        return None if peer is None else services.signin.grant_of_certificate(peer)


class Permit:
    """A dependency that lets a caller with `scope` pass and tells who it is."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __call__(self, request: Request) -> Grant:
        """Raises VaultLocked, AccessRefused or AccessForbidden."""
        grant = grant_of(request)
        services_of(request).access.require(grant, self.scope)
        return grant


class MetricsPermit(Permit):
    """Lets a key with the scope pass, and the local socket even while the vault is locked."""

    @override
    def __call__(self, request: Request) -> Grant:
        """Raises VaultLocked, AccessRefused or AccessForbidden."""
        if is_local(request) and front_of(request).services is None:
            return LOCAL
        return super().__call__(request)


def person_of(request: Request) -> Grant:
    """The signed-in person who calls. Raises VaultLocked, AccessRefused or PersonNeeded."""
    grant = grant_of(request)
    person(grant)
    return grant


def address_of(request: Request) -> str | None:
    """Where a caller comes from; None on the Unix socket, which has no address."""
    return None if is_local(request) or request.client is None else request.client.host


def local_only(request: Request) -> None:
    """Pass callers on the Unix socket alone. Raises LocalOnly."""
    if not is_local(request):
        raise LocalOnly(what=request.scope["path"])


def patient_named(
    request: Request,
    _: Annotated[str | None, Header(alias="X-WardBox-Patient", max_length=128)] = None,
) -> str | None:
    """The patient whom a request names by its header. Raises PatientInvalid."""
    return patient_in(request.scope)


def request_id_of(request: Request) -> str:
    """The id under which this request is on record."""
    return str(request.scope.get("wardbox.request_id", ""))


TheFront = Annotated[Front, Depends(front_of)]
Box = Annotated[Services, Depends(services_of)]
Caller = Annotated[Grant, Depends(grant_of)]
Person = Annotated[Grant, Depends(person_of)]
Address = Annotated[str | None, Depends(address_of)]
NamedPatient = Annotated[str | None, Depends(patient_named)]
Stands = Annotated[Standing, Depends(Standing)]
RequestId = Annotated[str, Depends(request_id_of)]
Local = Annotated[bool, Depends(is_local)]
LocalDoor = Annotated[None, Depends(local_only)]

AlertReader = Annotated[Grant, Depends(Permit("alerts:read"))]
AlertWriter = Annotated[Grant, Depends(Permit("alerts:write"))]
AuditReaderGrant = Annotated[Grant, Depends(Permit("audit:read"))]
BodyReaderGrant = Annotated[Grant, Depends(Permit("audit:bodies"))]
AuditExporter = Annotated[Grant, Depends(Permit("audit:export"))]
BackupWriter = Annotated[Grant, Depends(Permit("backups:write"))]
ClusterWriter = Annotated[Grant, Depends(Permit("cluster:write"))]
ChatCaller = Annotated[Grant, Depends(Permit("chat"))]
EvaluationStarter = Annotated[Grant, Depends(Permit("evaluation:write"))]
JobReader = Annotated[Grant, Depends(Permit("jobs:read"))]
JobWriter = Annotated[Grant, Depends(Permit("jobs:write"))]
KeyReader = Annotated[Grant, Depends(Permit("keys:read"))]
KeyWriter = Annotated[Grant, Depends(Permit("keys:write"))]
MetricsReader = Annotated[Grant, Depends(MetricsPermit("metrics"))]
ModelReader = Annotated[Grant, Depends(Permit("models:read"))]
ModelWriter = Annotated[Grant, Depends(Permit("models:write"))]
SpecialistCaller = Annotated[Grant, Depends(Permit("specialists"))]
SystemReader = Annotated[Grant, Depends(Permit("system:read"))]
UpdateWriter = Annotated[Grant, Depends(Permit("updates:write"))]
UsageReader = Annotated[Grant, Depends(Permit("usage:read"))]
UserReader = Annotated[Grant, Depends(Permit("users:read"))]
UserWriter = Annotated[Grant, Depends(Permit("users:write"))]
VaultWriter = Annotated[Grant, Depends(Permit("vault:write"))]
