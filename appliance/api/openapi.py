"""The OpenAPI document: FastAPI's own, with the hot routes and the problem responses put in."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from appliance.contract.base import Wire
from appliance.contract.completion import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
)
from appliance.contract.problem import PROBLEM_TYPE, Problem

_REF: Final = "#/components/schemas/{model}"
_HOT: Final[dict[str, tuple[type[Wire], str]]] = {
    "/v1/chat/completions": (ChatCompletionRequest, "Chat; streamed with `stream: true`."),
    "/v1/completions": (CompletionRequest, "Continue a text."),
    "/v1/embeddings": (EmbeddingRequest, "Vectors of texts."),
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document, in the form of OpenAPI 3.1."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    kinds: list[type[Wire]] = [Problem]
    kinds += [model for model, _ in _HOT.values()]
    _, schemas = models_json_schema([(kind, "validation") for kind in kinds], ref_template=_REF)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas["$defs"])
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"bearer": []}]
    for path, (kind, summary) in _HOT.items():
        document["paths"][path] = {"post": _hot_operation(kind.__name__, summary)}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _problem()
    return document


def _hot_operation(name: str, summary: str) -> dict[str, Any]:
    body = {"schema": {"$ref": _REF.format(model=name)}}
    answer = {"schema": {"type": "object"}}
    return {
        "tags": ["openai"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {
                "description": "The answer; `X-WardBox-Receipt` names its receipt.",
                "content": {"application/json": answer, "text/event-stream": {}},
            }
        },
    }


def _problem() -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {
        "description": "A refusal (RFC 9457).",
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }
