"""The one table from error kinds to HTTP: codes and sentences go in, RFC 9457 problems come out."""

from http import HTTPStatus
from typing import Final, Protocol, runtime_checkable

import msgspec

from appliance.api.errors import InternalFault
from appliance.api.statuses import STATUS
from appliance.contract.problem import PROBLEM_TYPE, OpenAiError, Problem

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
