"""A refusal as it leaves by the cold ways: in the words that the clients of its path understand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.api.dialects.dialect import Speech
from appliance.api.dialects.told import error_body
from appliance.api.problems import body_of, headers_of, problem_of
from appliance.contract.problem import Problem

_ANTHROPIC: Final = "/v1/messages"
_OPENAI: Final = ("/v1/", "/v2/")
# Clients of both dialects ask here; Anthropic's always tell the version that they speak.
_SHARED: Final = "/v1/models"
_VERSION: Final = b"anthropic-version"


@dataclass(frozen=True, slots=True)
class Refused:
    """What is answered.

    Args:
        problem: what it says.
        headers: names in lower case, content-length among them.
        body: its bytes.
    """

    problem: Problem
    headers: list[tuple[bytes, bytes]]
    body: bytes


def speech_of(path: str) -> Speech | None:
    """Whose clients ask under this path; None where they are our own."""
    if path == _ANTHROPIC or path.startswith(_ANTHROPIC + "/"):
        return "anthropic"
    return "openai" if path.startswith(_OPENAI) else None


def refused(
    error: Exception, request_id: str, path: str, head: Iterable[tuple[bytes, bytes]] = ()
) -> Refused:
    """Make the answer to a request that any error ended.

    Args:
        error: a refusal, or a fault (which tells nothing).
        request_id: the request.
        path: where it was sent.
        head: the fields of its head, names in lower case.
    """
    speech = speech_of(path)
    if path.startswith(_SHARED) and any(name == _VERSION for name, _ in head):
        speech = "anthropic"
    problem = problem_of(error, request_id, openai=speech == "openai")
    body = body_of(problem) if speech is None else error_body(problem, speech)
    return Refused(problem, headers_of(problem, len(body), error), body)


def refusal(error: Exception) -> bytes:
    """The whole answer to what was no request, after which the connection is closed."""
    problem = problem_of(error, "")
    body = body_of(problem)
    lines = [f"HTTP/1.1 {problem.status} {problem.title}".encode(), b"connection: close"]
    # What was no request has no number.
    lines += [b"%b: %b" % field for field in headers_of(problem, len(body)) if field[1]]
    return b"\r\n".join([*lines, b"", body])
