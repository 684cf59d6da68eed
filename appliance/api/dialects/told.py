"""Refusals in the words of a dialect: OpenAI's `error` object, or Anthropic's error shape."""

from http import HTTPStatus
from typing import Any, Final

import msgspec

from appliance.api.dialects.dialect import Speech
from appliance.contract.problem import Problem

_ANTHROPIC: Final = {
    HTTPStatus.BAD_REQUEST: "invalid_request_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
}


# Their runners of tools ask first that conversations be kept; told so in these words, they go on without.
_THREAD: Final = ("thread",)


def error_members(problem: Problem, speech: Speech) -> dict[str, Any]:
    """The members of a refusal: the problem's own, and what the dialect's clients read.

    Anthropic's clients read `type` as "error"; the problem's URN stands in `problem` there.
    """
    members = problem.model_dump(exclude_none=True)
    if not problem.fields:
        members.pop("fields", None)
    if speech == "anthropic":
        members["problem"] = members["type"]
        members["type"] = "error"
        message = f"{problem.detail} {problem.way_out}"
        error: dict[str, Any] = {"type": _anthropic_type(problem.status), "message": message}
        if problem.fields == _THREAD:
            error["details"] = {"error_code": "thread_unsupported_request", "unsupported": _THREAD}
        members["error"] = error
    return members


def error_body(problem: Problem, speech: Speech) -> bytes:
    """The bytes of a refusal; an OpenAI problem must have been made with `openai=True`."""
    return msgspec.json.encode(error_members(problem, speech))


def _anthropic_type(status: int) -> str:
    known = _ANTHROPIC.get(HTTPStatus(status))
    if known is not None:
        return known
    server = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return "api_error" if server else "invalid_request_error"
