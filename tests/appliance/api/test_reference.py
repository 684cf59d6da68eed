"""What can be listed agrees with its pages: routes, refusals, the OpenAPI document."""

import json
import re
from http import HTTPStatus
from pathlib import Path

import jsonschema_rs

from appliance.api.dialects.table import DIALECTS
from appliance.api.problems import problem_of
from appliance.api.reference import errors_markdown, refusals, routes_markdown
from appliance.api.statuses import STATUS
from appliance.app import ROUTERS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
RENEW = (
    "python -c 'from appliance.api.reference import *; from appliance.app import ROUTERS; "
    'open("docs/reference/routes.md", "w").write(routes_markdown(ROUTERS)); '
    'open("docs/reference/errors.md", "w").write(errors_markdown())\''
)


def test_the_page_of_routes_is_the_routes():
    assert (REFERENCE / "routes.md").read_text("utf-8") == routes_markdown(ROUTERS), RENEW


def test_the_page_of_refusals_is_the_refusals():
    assert (REFERENCE / "errors.md").read_text("utf-8") == errors_markdown(), RENEW


def test_every_refusal_has_both_languages_and_a_way_out():
    for kind in refusals():
        for text in (kind.zh, kind.way_out_zh):
            # A template that is one placeholder takes its sentence from who raises it.
            assert text.startswith("{") or any("\u4e00" <= c <= "\u9fff" for c in text), kind
        for text in (kind.en, kind.way_out_en):
            assert text, kind
            assert text.isascii() or "“" in text or "—" in text or "…" in text, (kind, text)


def test_every_row_of_the_status_table_is_used():
    codes = {kind.code for kind in refusals()}
    families = {code.partition(".")[0] for code in codes}
    families |= {"eval", "examination", "firmware", "tuning"}
    assert set(STATUS) <= codes | families


def test_a_fault_tells_nothing_but_its_request():
    problem = problem_of(ValueError("secret /etc/passwd"), "req_1")
    assert problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert problem.code == "box.internal"
    assert "passwd" not in problem.model_dump_json()


async def test_the_openapi_document_holds_every_route(shared_box):
    paths = shared_box.app.openapi()["paths"]
    for router in ROUTERS:
        for route in router.routes:
            assert route.path in paths
    assert set(DIALECTS) <= set(paths)


def test_every_example_of_the_document_is_what_its_schema_says(shared_box):
    document = shared_box.app.openapi()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                holds(document, content["schema"], content["example"])
            for part in operation.get("parameters", ()):
                assert part["in"] != "path" or "{" + part["name"] + "}" in path
                if part["in"] == "path":
                    holds(document, part["schema"], part["example"])
            assert operation["responses"]["default"]


def holds(document, schema, example):
    jsonschema_rs.validate({**schema, "components": document["components"]}, example)


def test_programs_that_write_clients_can_read_the_document(shared_box):
    """They make a class of every type: a name is a word, and there once."""
    document = shared_box.app.openapi()
    kinds = document["components"]["schemas"]
    assert [name for name in kinds if not name.isidentifier()] == []
    titles = [kind.get("title", name) for name, kind in kinds.items()]
    assert len(set(titles)) == len(titles)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(kinds)
    for name, kind in kinds.items():
        for example in kind.get("examples", ()):
            holds(document, {"$ref": f"#/components/schemas/{name}"}, example)


def test_the_document_says_what_is_open(shared_box):
    document = shared_box.app.openapi()
    assert {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    } == {
        ("get", "/api/v1/system/health"),
        ("get", "/api/v1/vault"),
        ("post", "/api/v1/vault/unlock"),
        ("post", "/api/v1/sessions"),
        ("post", "/api/v1/cluster/join"),
        ("post", "/api/v1/signin/directory"),
        ("get", "/api/v1/signin/offered"),
        ("post", "/api/v1/signin/oidc"),
        ("get", "/api/v1/signin/oidc/callback"),
        ("post", "/api/v1/signin/oidc/session"),
    }


def test_the_document_says_how_one_proves_who_one_is(shared_box):
    document = shared_box.app.openapi()
    ways = document["components"]["securitySchemes"]
    assert {way["type"] for way in ways.values()} == {"http", "apiKey", "mutualTLS"}
    assert document["security"] == [{name: []} for name in ways]


def test_no_route_is_longer_than_fifteen_lines():
    import inspect

    for router in ROUTERS:
        for route in router.routes:
            lines = inspect.getsource(route.endpoint).splitlines()
            body = [line for line in lines if line.strip() and not line.startswith("@")]
            assert len(body) <= 17, route.path  # the signature and its docstring count too
