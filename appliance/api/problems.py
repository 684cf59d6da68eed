"""The one table from error kinds to HTTP: codes and sentences go in, RFC 9457 problems come out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Protocol, runtime_checkable

import msgspec

from appliance.api.errors import InternalFault
from appliance.contract.problem import PROBLEM_TYPE, OpenAiError, Problem

# The longest code or prefix that fits a code decides; 500 stands for what nobody foresaw.
STATUS: Final[Mapping[str, HTTPStatus]] = {
    "access": HTTPStatus.UNPROCESSABLE_ENTITY,
    "access.account-exists": HTTPStatus.CONFLICT,
    "access.account-unknown": HTTPStatus.NOT_FOUND,
    "access.approval-needed": HTTPStatus.CONFLICT,
    "access.approval-refused": HTTPStatus.CONFLICT,
    "access.approval-unknown": HTTPStatus.NOT_FOUND,
    "access.forbidden": HTTPStatus.FORBIDDEN,
    "access.key-unknown": HTTPStatus.NOT_FOUND,
    "access.last-administrator": HTTPStatus.CONFLICT,
    "access.local-only": HTTPStatus.FORBIDDEN,
    "access.locked-out": HTTPStatus.TOO_MANY_REQUESTS,
    "access.model-forbidden": HTTPStatus.FORBIDDEN,
    "access.password-expired": HTTPStatus.FORBIDDEN,
    "access.person-needed": HTTPStatus.FORBIDDEN,
    "access.quota-exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "access.refused": HTTPStatus.UNAUTHORIZED,
    "access.role-in-use": HTTPStatus.CONFLICT,
    "access.session-unknown": HTTPStatus.NOT_FOUND,
    "access.totp-enrolment-due": HTTPStatus.FORBIDDEN,
    "access.totp-needed": HTTPStatus.UNAUTHORIZED,
    "access.totp-state": HTTPStatus.CONFLICT,
    "access.user-exists": HTTPStatus.CONFLICT,
    "access.user-external": HTTPStatus.CONFLICT,
    "access.user-unknown": HTTPStatus.NOT_FOUND,
    "alert": HTTPStatus.NOT_FOUND,
    "alert.needs-person": HTTPStatus.FORBIDDEN,
    "adapter": HTTPStatus.UNPROCESSABLE_ENTITY,
    "adapter.unknown": HTTPStatus.NOT_FOUND,
    "audit": HTTPStatus.INTERNAL_SERVER_ERROR,
    "audit.archive-refused": HTTPStatus.CONFLICT,
    "audit.archive-unsound": HTTPStatus.CONFLICT,
    "audit.entry-unknown": HTTPStatus.NOT_FOUND,
    "audit.entry-archived": HTTPStatus.GONE,
    "audit.export-empty": HTTPStatus.UNPROCESSABLE_ENTITY,
    "audit.export-refused": HTTPStatus.CONFLICT,
    "audit.export-stopped": HTTPStatus.CONFLICT,
    "audit.export-unfinished": HTTPStatus.CONFLICT,
    "audit.export-unknown": HTTPStatus.NOT_FOUND,
    "audit.time-invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "audit.unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "backup": HTTPStatus.UNPROCESSABLE_ENTITY,
    "backup.busy": HTTPStatus.CONFLICT,
    "backup.target-exists": HTTPStatus.CONFLICT,
    "backup.target-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "backup.target-gone": HTTPStatus.BAD_GATEWAY,
    "backup.target-unknown": HTTPStatus.NOT_FOUND,
    "batch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "batch.unknown": HTTPStatus.NOT_FOUND,
    "batch.wrong-state": HTTPStatus.CONFLICT,
    "catalogue": HTTPStatus.CONFLICT,
    "body": HTTPStatus.UNPROCESSABLE_ENTITY,
    "body.damaged": HTTPStatus.INTERNAL_SERVER_ERROR,
    "body.forgotten": HTTPStatus.GONE,
    "body.not-kept": HTTPStatus.NOT_FOUND,
    "cluster": HTTPStatus.CONFLICT,
    "cluster.address-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "cluster.answer-unreadable": HTTPStatus.BAD_GATEWAY,
    "cluster.head-unreachable": HTTPStatus.BAD_GATEWAY,
    "cluster.head-untrusted": HTTPStatus.BAD_GATEWAY,
    "cluster.ray-silent": HTTPStatus.SERVICE_UNAVAILABLE,
    "cluster.replicas-gone": HTTPStatus.SERVICE_UNAVAILABLE,
    "cluster.token-malformed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "cluster.token-refused": HTTPStatus.FORBIDDEN,
    "db": HTTPStatus.INTERNAL_SERVER_ERROR,
    "db.conflict": HTTPStatus.CONFLICT,
    "db.disk-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "deployment": HTTPStatus.UNPROCESSABLE_ENTITY,
    "deployment.drained": HTTPStatus.SERVICE_UNAVAILABLE,
    "deployment.unknown": HTTPStatus.NOT_FOUND,
    "engine": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.busy": HTTPStatus.TOO_MANY_REQUESTS,
    "engine.faulty": HTTPStatus.BAD_GATEWAY,
    "engine.gone": HTTPStatus.BAD_GATEWAY,
    "engine.refused": HTTPStatus.BAD_REQUEST,
    "engine.share-full": HTTPStatus.TOO_MANY_REQUESTS,
    "engine.silent": HTTPStatus.GATEWAY_TIMEOUT,
    "eval": HTTPStatus.UNPROCESSABLE_ENTITY,
    "events": HTTPStatus.TOO_MANY_REQUESTS,
    "examination": HTTPStatus.UNPROCESSABLE_ENTITY,
    "file": HTTPStatus.UNPROCESSABLE_ENTITY,
    "file.in-use": HTTPStatus.CONFLICT,
    "file.quota-exceeded": HTTPStatus.INSUFFICIENT_STORAGE,
    "file.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "file.unknown": HTTPStatus.NOT_FOUND,
    "firmware": HTTPStatus.INTERNAL_SERVER_ERROR,
    "job": HTTPStatus.UNPROCESSABLE_ENTITY,
    "job.queue-full": HTTPStatus.TOO_MANY_REQUESTS,
    "job.unknown": HTTPStatus.NOT_FOUND,
    "job.wrong-state": HTTPStatus.CONFLICT,
    "lease": HTTPStatus.SERVICE_UNAVAILABLE,
    "lease.window-malformed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "model": HTTPStatus.UNPROCESSABLE_ENTITY,
    "model.cannot": HTTPStatus.BAD_REQUEST,
    "model.disk-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "model.exists": HTTPStatus.CONFLICT,
    "model.failed": HTTPStatus.SERVICE_UNAVAILABLE,
    "model.loading": HTTPStatus.SERVICE_UNAVAILABLE,
    "model.no-room": HTTPStatus.SERVICE_UNAVAILABLE,
    "model.not-loaded": HTTPStatus.CONFLICT,
    "model.unknown": HTTPStatus.NOT_FOUND,
    "plan": HTTPStatus.UNPROCESSABLE_ENTITY,
    "plan.oversold": HTTPStatus.CONFLICT,
    "request": HTTPStatus.BAD_REQUEST,
    "request.crowded": HTTPStatus.SERVICE_UNAVAILABLE,
    "request.encoding-refused": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "request.field-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "request.head-too-large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "request.head-too-slow": HTTPStatus.REQUEST_TIMEOUT,
    "request.host-refused": HTTPStatus.MISDIRECTED_REQUEST,
    "request.method-refused": HTTPStatus.METHOD_NOT_ALLOWED,
    "request.route-unknown": HTTPStatus.NOT_FOUND,
    "request.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "request.too-slow": HTTPStatus.REQUEST_TIMEOUT,
    "response": HTTPStatus.UNPROCESSABLE_ENTITY,
    "response.unknown": HTTPStatus.NOT_FOUND,
    "secure": HTTPStatus.UNPROCESSABLE_ENTITY,
    "secure.network-slot": HTTPStatus.BAD_GATEWAY,
    "secure.tpm-locked-out": HTTPStatus.SERVICE_UNAVAILABLE,
    "secure.tpm-policy": HTTPStatus.CONFLICT,
    "secure.tpm-replaced": HTTPStatus.CONFLICT,
    "secure.tpm-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "signin": HTTPStatus.UNPROCESSABLE_ENTITY,
    "signin.certificate-unknown": HTTPStatus.NOT_FOUND,
    "signin.directory-refused": HTTPStatus.BAD_GATEWAY,
    "signin.directory-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "signin.misconfigured": HTTPStatus.INTERNAL_SERVER_ERROR,
    "signin.name-taken": HTTPStatus.CONFLICT,
    "signin.no-role": HTTPStatus.FORBIDDEN,
    "signin.off": HTTPStatus.NOT_FOUND,
    "signin.provider-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "signin.ticket-refused": HTTPStatus.UNAUTHORIZED,
    "signin.token-refused": HTTPStatus.UNAUTHORIZED,
    "signin.too-many": HTTPStatus.TOO_MANY_REQUESTS,
    "specialist": HTTPStatus.UNPROCESSABLE_ENTITY,
    "specialist.draft-cut": HTTPStatus.BAD_GATEWAY,
    "specialist.draft-empty": HTTPStatus.BAD_GATEWAY,
    "telemetry": HTTPStatus.INTERNAL_SERVER_ERROR,
    "training": HTTPStatus.UNPROCESSABLE_ENTITY,
    "tuning": HTTPStatus.UNPROCESSABLE_ENTITY,
    "update": HTTPStatus.UNPROCESSABLE_ENTITY,
    "update.busy": HTTPStatus.CONFLICT,
    "update.disk-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "vault": HTTPStatus.SERVICE_UNAVAILABLE,
    "vault.area-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "vault.backoff": HTTPStatus.TOO_MANY_REQUESTS,
    "vault.locked": HTTPStatus.SERVICE_UNAVAILABLE,
    "vault.slot-unfit": HTTPStatus.UNPROCESSABLE_ENTITY,
    "vault.slot-unknown": HTTPStatus.NOT_FOUND,
    "vault.slots-personless": HTTPStatus.CONFLICT,
    "vault.space-low": HTTPStatus.INSUFFICIENT_STORAGE,
    "vault.weak-passphrase": HTTPStatus.UNPROCESSABLE_ENTITY,
    "vault.subject-erased": HTTPStatus.GONE,
    "vault.subject-unknown": HTTPStatus.NOT_FOUND,
    "vault.wrong-secret": HTTPStatus.UNAUTHORIZED,
}
_WAIT: Final = {
    "audit.unavailable": 5,
    "engine.busy": 2,
    "engine.draining": 2,
    "engine.failed": 15,
    "engine.gone": 2,
    "engine.share-full": 2,
    "model.loading": 2,
    "request.crowded": 2,
}
# The names OpenAI's clients look for.
_OPENAI: Final = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


@runtime_checkable
class Refusal(Protocol):
    """An error with a code, a sentence and a way out, of this package or of one below."""

    code: str
    facts: dict[str, object]

    @property
    def sentence(self) -> str:
        """What happened, Chinese first."""
        ...

    @property
    def way_out(self) -> str:
        """What to do next, Chinese first."""
        ...


def status_of(code: str) -> HTTPStatus:
    """The status of a code: its own row, else that of its family, else 500."""
    own = STATUS.get(code)
    return own or STATUS.get(code.partition(".")[0], HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(error: Exception, request_id: str, *, openai: bool = False) -> Problem:
    """Make the problem of any error; what is no refusal becomes `box.internal`, and tells nothing.

    Args:
        error: an error with `code`, `sentence` and `way_out` (of any package), or a fault.
        request_id: the request it ended.
        openai: also fill the `error` object that OpenAI's clients read.
    """
    known: Refusal = error if isinstance(error, Refusal) else InternalFault()
    code, facts = known.code, known.facts
    status = status_of(code)
    sentence = known.sentence
    wait = facts.get("retry_after_s", facts.get("seconds", _WAIT.get(code)))
    field = facts.get("field")
    told = OpenAiError(
        message=sentence,
        type=_openai_type(status),
        code=code,
        param=field if isinstance(field, str) else None,
    )
    progress = facts.get("progress")
    return Problem(
        type=f"urn:wardbox:problem:{code}",
        title=status.phrase,
        status=status.value,
        code=code,
        detail=sentence,
        way_out=known.way_out,
        request_id=request_id,
        fields=_fields(facts),
        progress=float(progress) if isinstance(progress, int | float) else None,
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
        error=told if openai else None,
    )


def _fields(facts: dict[str, object]) -> tuple[str, ...]:
    """The paths that a refusal names in its facts: one `field`, or several `fields`."""
    named = facts.get("fields", facts.get("field"))
    if isinstance(named, tuple):
        return tuple(path for path in named if isinstance(path, str))
    return (named,) if isinstance(named, str) else ()


def _openai_type(status: HTTPStatus) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return _OPENAI.get(status, "invalid_request_error")


def body_of(problem: Problem) -> bytes:
    """The bytes of a problem, without the members it does not have."""
    members = problem.model_dump(exclude_none=True)
    if not problem.fields:
        del members["fields"]
    return msgspec.json.encode(members)


def headers_of(
    problem: Problem, length: int, error: Exception | None = None
) -> list[tuple[bytes, bytes]]:
    """The headers that go with a problem; Retry-After in whole seconds (RFC 9110).

    Args:
        problem: what is answered.
        length: bytes of its body.
        error: what it was made of. Its `facts["limits"]` are the caller's rate-limit headers,
            `facts["allow"]` the methods that its path takes.
    """
    ident = problem.request_id.encode("ascii", "replace")
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
        (b"x-request-id", ident),
        # Where Anthropic's clients look for it.
        (b"request-id", ident),
    ]
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="wardbox"'))
    facts: dict[str, object] = getattr(error, "facts", {})
    if isinstance(allow := facts.get("allow"), str):
        headers.append((b"allow", allow.encode("ascii")))
    limits = facts.get("limits")
    if isinstance(limits, tuple):
        headers += limits
    if problem.retry_after_s is not None:
        wait = b"%d" % max(1, round(problem.retry_after_s))
        headers.append((b"retry-after", wait))
        if problem.status == HTTPStatus.TOO_MANY_REQUESTS and not limits:
            headers += [(b"x-ratelimit-remaining", b"0"), (b"x-ratelimit-reset", wait)]
    return headers
