"""The house's own checks of an answer, for schemathesis: it loads them in a process of its own."""

import json
import os

import schemathesis

ROLE = os.environ.get("WARDBOX_FUZZ_ROLE", "all")
"""Who asks: all (every scope), few (a key of one scope), nobody (no key), locked (the vault is)."""

# What a key of no further scope may see: the document, itself, and where the vault stands.
FOR_ANY_KEY = {"/api/v1/openapi.json", "/api/v1/vault", "/api/v1/signin"}
FAULTS = {"box.internal", "audit.damaged"}


@schemathesis.check
def refusals_are_problems(ctx, response, case):
    """A refusal is a problem with code, sentence and way out, in the words of its dialect."""
    if response.status_code < 400:
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind == "application/problem+json", f"a refusal in {kind}"
    if case.method.upper() == "HEAD":
        return
    told = json.loads(response.content)
    assert told["code"] not in FAULTS, "a fault"
    assert told["status"] == response.status_code
    assert told["detail"]
    assert told["way_out"]
    assert "Traceback" not in response.text
    path = case.operation.path
    if path.startswith("/v1/messages"):
        assert told["type"] == "error", "not in Anthropic's shape"
        assert told["error"]["message"]
        assert told["problem"] == f"urn:wardbox:problem:{told['code']}"
    else:
        assert told["type"] == f"urn:wardbox:problem:{told['code']}"
    if path.startswith("/v1/") and not path.startswith("/v1/messages"):
        assert told["error"]["code"] == told["code"], "not in OpenAI's shape"
    if response.status_code in {429, 503} and told["code"] != "vault.locked":
        assert "retry-after" in response.headers or told["code"].partition(".")[0] not in WAITING
    if response.status_code == 401:
        assert "www-authenticate" in response.headers


WAITING = {"model", "engine", "access"}


@schemathesis.check
def nobody_gets_what_is_not_theirs(ctx, response, case):
    """Who has no key or not the scope gets nothing but a refusal."""
    raw = case.operation.definition.raw
    if "security" in raw or ROLE == "all" or response.status_code >= 400:
        return
    path = case.operation.path
    seen = FOR_ANY_KEY if ROLE == "few" else ()
    assert path in seen, f"{ROLE} got {response.status_code}"


@schemathesis.check
def every_answer_is_guarded(ctx, response, case):
    """No answer is kept by a cache, read as another type or shown in a frame."""
    headers = response.headers
    if response.status_code in {400, 401, 408, 431} and "x-content-type-options" not in headers:
        return  # Refused by the parser: there is no answer but the problem.
    assert headers.get("x-request-id")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers
    assert "no-store" in headers.get("cache-control", [""])[0]
