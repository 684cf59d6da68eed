"""Threats that come by a browser: rebound names, other origins, forms, keys in addresses, frames."""

import pytest

from tests.appliance.api.attacks import CHAT, ask, is_problem, module


@module
async def test_a_rebound_name_reaches_no_route(shared_box):
    for path in ("/api/v1/system/health", "/api/v1/keys", "/v1/models", "/metrics", CHAT):
        for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", "0x7f.1"):
            answer, body = await ask(shared_box, "GET", path, Host=host)
            is_problem(answer, body, 421)


@module
async def test_no_other_origin_is_let_in(shared_box):
    for path in ("/api/v1/keys", "/v1/models", CHAT, "/api/v1/system/health"):
        answer, _ = await ask(
            shared_box, "OPTIONS", path, Origin="https://evil.example",
            Access_Control_Request_Method="POST", Access_Control_Request_Headers="authorization",
        )  # fmt: skip
        assert answer.status == 405
        other, _ = await ask(shared_box, "GET", path, Origin="null")
        for headers in (answer.headers, other.headers):
            assert not [name for name in headers if name.lower().startswith("access-control-")]


@module
@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"]
)
async def test_the_method_is_the_method(shared_box, name):
    made = shared_box.make_key("chat")
    ident = made["Authorization"].removeprefix("Bearer ").partition(".")[0]
    headers = {**shared_box.bearer, name: "DELETE"}
    url = f"{shared_box.url}/api/v1/keys/{ident}?_method=DELETE"
    for method in ("GET", "POST"):
        async with shared_box.http.request(method, url, headers=headers) as answer:
            assert answer.status == 405
    assert shared_box.services.access.authenticate(made["Authorization"])


@module
@pytest.mark.parametrize(
    "name", ["key", "api_key", "api-key", "access_token", "token", "Authorization"]
)
async def test_a_key_in_the_address_is_no_key(shared_box, name):
    secret = shared_box.key
    for method, path in (("GET", "/v1/models"), ("GET", "/api/v1/keys"), ("POST", CHAT)):
        url = f"{shared_box.url}{path}?{name}={secret}"
        async with shared_box.http.request(
            method, url, headers={"Cookie": f"k={secret}"}
        ) as answer:
            assert answer.status == 401
            assert secret not in await answer.text()


@module
async def test_nothing_is_kept_sniffed_or_framed(shared_box):
    for path in ("/v1/models", "/api/v1/keys", "/api/v1/system/health", "/nothing", "/metrics"):
        answer, _ = await ask(shared_box, "GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Server" not in answer.headers
        assert "X-Powered-By" not in answer.headers
        assert "ETag" not in answer.headers


@module
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"],
)
async def test_a_body_is_what_the_route_takes_whatever_it_calls_itself(shared_box, kind):
    """A form of another site can send these kinds without asking: none of them makes a key."""
    wish = {"name": "csrf", "scopes": ["chat"]}
    answer, body = await ask(shared_box, "POST", "/api/v1/keys", wish, Content_Type=kind)
    is_problem(answer, body, 400, 415, 422)
    _, listed = await ask(shared_box, "GET", "/api/v1/keys")
    assert "csrf" not in {key["name"] for key in listed}
