"""The OpenAPI document: FastAPI's own, with the hot routes, the refusals and the examples put in."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from appliance.api.deps import Permit, grant_of, person_of
from appliance.api.dialects.dialect import Dialect
from appliance.api.dialects.examples import EXAMPLES
from appliance.api.dialects.table import DIALECTS
from appliance.api.examples import BODIES, PARTS
from appliance.api.refusing import speech_of
from appliance.contract.problem import PROBLEM_TYPE, Problem

_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_RESPONSE: Final = "#/components/responses/"
_STREAMS: Final = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
    }
)
_WAYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, or a session's token."},
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A key, where no Authorization is sent.",
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "A client certificate of the box, where neither is sent.",
    },
}
_IDENT: Final = {"schema": {"type": "string"}, "description": "The request on record."}
_WAIT: Final = {
    "schema": {"type": "integer", "minimum": 1},
    "description": "Seconds after which to come again, where that helps.",
}


def describe(app: FastAPI, routes: Iterable[Any]) -> dict[str, Any]:
    """The whole document, in the form of OpenAPI 3.1.

    Args:
        app: the application.
        routes: every cold route, one by one.
    """
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    _, problem = models_json_schema([(Problem, "validation")], ref_template=_REF)
    hot = list(DIALECTS.values())
    # What judges a body also describes it: the two cannot drift apart.
    wishes, kinds = msgspec.json.schema_components(
        [one.decoder.type for one in hot], ref_template=_REF.replace("{model}", "{name}")
    )
    document["servers"] = [{"url": "/"}]
    components = document.setdefault("components", {})
    _fill_examples(components.setdefault("schemas", {}).values())
    names = {_REF.format(model=name): _REF.format(model=_name(name)) for name in kinds}
    wishes = tuple(_renamed(wish, names) for wish in wishes)
    kinds = {
        _name(name): _renamed(kind, names) | {"title": _name(name)} for name, kind in kinds.items()
    }
    components["schemas"].update(problem["$defs"] | kinds)
    components["schemas"]["AnthropicProblem"] = _anthropic(components["schemas"]["Problem"])
    components["responses"] = {
        "Refusal": _refusal("Problem"),
        "AnthropicRefusal": _refusal("AnthropicProblem"),
    }
    components["securitySchemes"] = _WAYS
    document["security"] = [{way: []} for way in _WAYS]
    for dialect, wish in zip(hot, wishes, strict=True):
        document["paths"].setdefault(dialect.path, {})["post"] = _hot_operation(dialect, wish)
    is_open = set(_open(routes))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, operation, is_open=(method, path) in is_open)
    whole: dict[str, Any] = _portable(document)
    return whole


def _name(kind: str) -> str:
    """What a type is called; of two in different modules, each also by its module's first word.

    Programs that write clients make a class of each: they know no dots, and no name twice.
    """
    module, _, name = kind.rpartition(".")
    return module.rpartition(".")[2].partition("_")[0].capitalize() + name


def _renamed(told: Any, names: dict[str, str]) -> Any:
    """The same with other references."""
    if isinstance(told, dict):
        return {name: _renamed(value, names) for name, value in told.items()}
    if isinstance(told, list):
        return [_renamed(value, names) for value in told]
    return names.get(told, told) if isinstance(told, str) else told


def _fill_examples(kinds: Iterable[dict[str, Any]]) -> None:
    """Put the nulls back that FastAPI takes out of examples: an answer has them."""
    for kind in kinds:
        for example in kind.get("examples", ()):
            example |= {name: None for name in kind.get("required", ()) if name not in example}


def _portable(told: Any, key: str = "") -> Any:
    """The same document with patterns of ECMA 262, which knows no end of a text but the dollar."""
    if isinstance(told, dict):
        return {name: _portable(value, name) for name, value in told.items()}
    if isinstance(told, list):
        return [_portable(value) for value in told]
    return told.replace(r"\Z", "$") if key == "pattern" and isinstance(told, str) else told


def _open(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """What may be asked without a key: some tell more to those who show one."""
    for route in routes:
        if isinstance(route, APIRoute) and not _asks_who(route.dependant):
            yield from ((method.lower(), route.path) for method in route.methods or ())


def _asks_who(dependant: Dependant) -> bool:
    call = dependant.call
    if isinstance(call, Permit) or call in (grant_of, person_of):
        return True
    return any(_asks_who(inner) for inner in dependant.dependencies)


def _complete(path: str, operation: dict[str, Any], *, is_open: bool) -> None:
    """Put refusals, examples and what is open into an operation."""
    if is_open:
        operation["security"] = [{}, *({way: []} for way in _WAYS)]
    answers = operation["responses"]
    answers.pop("422", None)
    name = "AnthropicRefusal" if speech_of(path) == "anthropic" else "Refusal"
    for code in (*sorted(_codes(path, operation, is_open=is_open)), "default"):
        answers[code] = {"$ref": _RESPONSE + name}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter["example"] = PARTS[parameter["name"]]
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON, {})
    kind = _kind(body.get("schema", {}))
    if kind in BODIES:
        body["example"] = BODIES[kind]


def _codes(path: str, operation: dict[str, Any], *, is_open: bool) -> list[str]:
    """The refusals to reckon with; any other is the default."""
    codes = ["503"] if is_open else ["401", "403", "503"]
    if operation.get("parameters") or "requestBody" in operation:
        codes.append("422")
    if "requestBody" in operation:
        codes += ["400", "413", "415"]
    if path in DIALECTS:
        codes += ["404", "429", "502", "504"]
    return codes


def _kind(schema: dict[str, Any]) -> str:
    """The name of the type that a body has, whether or not it may be left out."""
    first = next(iter(schema.get("anyOf", ())), schema)
    return str(first.get("$ref", "")).rpartition("/")[2]


def _hot_operation(dialect: Dialect, wish: dict[str, Any]) -> dict[str, Any]:
    body = {"schema": wish, "example": EXAMPLES[dialect.path]}
    content: dict[str, Any] = {_JSON: {"schema": {"type": "object"}}}
    if dialect.path in _STREAMS:
        content["text/event-stream"] = {}
    headers = {
        "X-Request-ID": _IDENT,
        "X-WardBox-Receipt": {
            "schema": {"type": "string"},
            "description": "The receipt of the answer.",
        },
    }
    return {
        "tags": [dialect.speech],
        "summary": dialect.summary,
        "operationId": "post" + dialect.path.replace("/", "_"),
        "requestBody": {"required": True, "content": {_JSON: body}},
        "responses": {
            "200": {
                "description": "The answer; `X-WardBox-Receipt` names its receipt.",
                "headers": headers,
                "content": content,
            }
        },
    }


def _refusal(kind: str) -> dict[str, Any]:
    return {
        "description": "A refusal (RFC 9457): a code, a sentence and a way out.",
        "headers": {"X-Request-ID": _IDENT, "Retry-After": _WAIT},
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model=kind)}}},
    }


def _anthropic(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem in the shape that Anthropic's clients read: `type` is "error"."""
    text = {"type": "string"}
    error = {"type": "object", "required": ["type", "message"]}
    properties = {
        **problem["properties"],
        "type": {"const": "error"},
        "problem": text,
        "error": {**error, "properties": {"type": text, "message": text}},
    }
    return {
        "type": "object",
        "description": "A refusal in Anthropic's shape; the problem's URN stands in `problem`.",
        "properties": properties,
        "required": [*problem["required"], "problem", "error"],
        "additionalProperties": False,
    }
