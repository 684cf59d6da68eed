"""The OpenAPI document: FastAPI's own, with the hot routes and the problem responses put in."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from appliance.api.dialects.dialect import Dialect
from appliance.api.dialects.examples import EXAMPLES
from appliance.api.dialects.table import DIALECTS
from appliance.contract.problem import PROBLEM_TYPE, Problem

_REF: Final = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document, in the form of OpenAPI 3.1."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    _, problem = models_json_schema([(Problem, "validation")], ref_template=_REF)
    hot = list(DIALECTS.values())
    # What judges a body also describes it: the two cannot drift apart.
    wishes, kinds = msgspec.json.schema_components(
        [one.decoder.type for one in hot], ref_template=_REF.replace("{model}", "{name}")
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(problem["$defs"] | kinds)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"bearer": []}]
    for dialect, wish in zip(hot, wishes, strict=True):
        document["paths"].setdefault(dialect.path, {})["post"] = _hot_operation(dialect, wish)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _problem()
    return document


def _hot_operation(dialect: Dialect, wish: dict[str, Any]) -> dict[str, Any]:
    body = {"schema": wish, "example": EXAMPLES[dialect.path]}
    return {
        "tags": [dialect.speech],
        "summary": dialect.summary,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {
                "description": "The answer; `X-WardBox-Receipt` names its receipt.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/event-stream": {},
                },
            }
        },
    }


def _problem() -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {
        "description": "A refusal (RFC 9457).",
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }
