"""The other routes over real HTTP: who may ask, what comes back, what a locked box says."""

import asyncio
import io
import json

import pytest

from appliance.app import ROUTERS
from tests.appliance.api.box import PASSPHRASE, LiveBox

# A box that joins a cluster shows a join token instead of a key: tests/appliance/cluster.
OPEN = {
    ("GET", "/api/v1/system/health"),
    ("POST", "/api/v1/vault/unlock"),
    ("POST", "/api/v1/cluster/join"),
    # Ways of signing in: tests/appliance/signin.
    ("GET", "/api/v1/signin"),
    ("POST", "/api/v1/signin/directory"),
    ("GET", "/api/v1/signin/offered"),
    ("POST", "/api/v1/signin/oidc"),
    ("GET", "/api/v1/signin/oidc/callback"),
    ("POST", "/api/v1/signin/oidc/session"),
}


def every_route() -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        for method in route.methods
    ]


async def ask(box: LiveBox, method: str, path: str, body=None, headers=None, *, local=False):
    http, base = (box.local, "http://x") if local else (box.http, box.url)
    headers = box.bearer if headers is None and not local else headers
    data = None if body is None else io.BytesIO(json.dumps(body).encode())
    headers = {**(headers or {}), "Content-Type": "application/json"}
    async with http.request(method, base + path, data=data, headers=headers) as answer:
        raw = await answer.read()
        return answer.status, json.loads(raw) if raw else None


@pytest.mark.asyncio(loop_scope="module")
async def test_every_route_but_health_and_signing_in_wants_a_key(shared_box):
    for method, path in every_route():
        if (method, path) in OPEN or path == "/api/v1/sessions":
            continue
        status, body = await ask(shared_box, method, path.replace("{index}", "1"), headers={})
        assert status == 401, (method, path, body)
        assert body["code"] == "access.refused"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_without_scopes_of_the_route_is_forbidden(shared_box):
    nothing = shared_box.make_key("tuning:write")
    bodies = {
        "/api/v1/jobs": {"kind": "training", "spec": {}},
        "/api/v1/keys": {"name": "x", "scopes": ["chat"]},
        "/api/v1/users": {"name": "x", "password": "long enough password", "role": "auditor"},
        "/api/v1/specialists/admission-note": {"facts": {}},
        "/api/v1/cluster/found": {"address": "10.0.0.1"},
        "/api/v1/cluster/enter": {"token": "x", "head": "10.0.0.1", "address": "10.0.0.2"},
        "/api/v1/updates/verify": {"directory": "/x"},
        "/api/v1/updates/apply": {"directory": "/x"},
    }
    for method, path in every_route():
        if (method, path) in OPEN or path.startswith(("/api/v1/sessions", "/api/v1/openapi")):
            continue
        if path == "/api/v1/vault":
            continue
        body = bodies.get(path, {}) if method == "POST" else None
        status, told = await ask(shared_box, method, path.replace("{index}", "1"), body, nothing)
        assert status == 403, (method, path, told)


async def test_a_locked_box_answers_health_and_unlock_alone(box):
    await box.front.lock("test")
    status, body = await ask(box, "GET", "/api/v1/system/health", headers={})
    assert (status, body["status"], body["vault"]) == (200, "locked", "locked")
    status, body = await ask(box, "POST", "/api/v1/vault/unlock", {"secret": "wrong"}, {})
    assert (status, body["code"]) == (401, "vault.wrong-secret")
    assert "wrong" not in json.dumps(body["detail"]).split()[0]


async def test_locking_and_unlocking(box):
    status, body = await ask(box, "POST", "/api/v1/vault/lock")
    assert (status, body["state"]) == (200, "locked")
    assert box.front.services is None
    status, body = await ask(box, "GET", "/api/v1/vault", headers={})
    assert (status, body["state"]) == (200, "locked")


async def test_health_is_open_and_its_deep_form_is_not(box):
    status, body = await ask(box, "GET", "/api/v1/system/health", headers={})
    assert (status, body["status"], body["engine"], body["audit"]) == (200, "ok", "ready", "ok")
    status, _ = await ask(box, "GET", "/api/v1/system/health?deep=1", headers={})
    assert status == 401
    status, body = await ask(box, "GET", "/api/v1/system/health?deep=1")
    assert body["deep"]["ok"] is True


async def test_the_overview_holds_what_the_console_draws(box):
    status, body = await ask(box, "GET", "/api/v1/system/overview")
    assert status == 200, body
    assert body["integrity"]["entries"] >= 1
    assert body["host"]["memory_bytes"] > 0
    assert body["posture"]["verdict"] in {"unknown", "fail", "pass"}
    assert body["info"]["audit_key"].startswith("wardbox/test")


async def test_sessions_keys_and_users(box):
    user = {"name": "dr.li", "password": "a long password indeed", "role": "clinician"}
    status, body = await ask(box, "POST", "/api/v1/users", user)
    assert (status, body["role"]) == (201, "clinician")
    status, body = await ask(box, "POST", "/api/v1/users", user)
    assert (status, body["code"]) == (409, "access.user-exists")
    sign = {"name": "dr.li", "password": user["password"]}
    status, body = await ask(box, "POST", "/api/v1/sessions", sign, {})
    assert status == 201
    token = {"Authorization": f"Bearer {body['token']}"}
    status, _ = await ask(box, "GET", "/v1/models", headers=token)
    assert status == 200
    status, _ = await ask(box, "GET", "/api/v1/users", headers=token)
    assert status == 403
    status, _ = await ask(box, "DELETE", "/api/v1/sessions/current", headers=token)
    assert status == 204
    status, _ = await ask(box, "GET", "/v1/models", headers=token)
    assert status == 401
    sign["password"] = "wrong"
    status, body = await ask(box, "POST", "/api/v1/sessions", sign, {})
    assert (status, body["code"]) == (401, "access.refused")
    status, body = await ask(box, "POST", "/api/v1/keys", {"name": "emr", "scopes": ["chat"]})
    assert status == 201
    status, rows = await ask(box, "GET", "/api/v1/keys")
    assert body["secret"] not in json.dumps(rows)
    assert any(row["id"] == body["id"] for row in rows)


async def test_the_audit_log_can_be_searched_proved_verified_and_exported(box, tmp_path):
    for _ in range(3):
        box.make_key("chat")
    status, page = await ask(box, "GET", "/api/v1/audit/entries?limit=2")
    assert status == 200
    assert len(page["entries"]) == 2
    more = f"/api/v1/audit/entries?limit=1000&before={page['next_before']}"
    status, rest = await ask(box, "GET", more)
    assert rest["entries"][-1]["index"] == 0
    status, point = await ask(box, "GET", "/api/v1/audit/checkpoint")
    assert point["checkpoint"].startswith("wardbox/test\n")
    status, proof = await ask(box, "GET", "/api/v1/audit/proof/0")
    assert (status, proof["size"] >= 2) == (200, True)
    status, body = await ask(box, "GET", "/api/v1/audit/proof/999999")
    assert (status, body["code"]) == (404, "audit.entry-unknown")
    status, body = await ask(box, "POST", "/api/v1/audit/verify")
    assert (status, body["ok"]) == (200, True)
    out = tmp_path / "export"
    status, body = await ask(box, "POST", "/api/v1/audit/export", {"out": str(out)})
    assert (status, body["code"]) == (403, "access.local-only")
    status, body = await ask(box, "POST", "/api/v1/audit/export", {"out": str(out)}, local=True)
    assert status == 200, body
    assert (out / "verify.py").is_file()
    status, body = await ask(box, "GET", "/api/v1/audit/receipts/rcp_" + "0" * 24)
    assert (status, body["code"]) == (404, "audit.entry-unknown")


async def test_the_live_tail_shows_new_entries(box):
    async with box.http.get(box.url + "/api/v1/audit/live", headers=box.bearer) as answer:
        assert (await answer.content.readline()).startswith(b": open")
        box.make_key("chat")
        while True:
            line = await asyncio.wait_for(answer.content.readline(), 20)
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                break
        assert json.loads(line[6:])["tag"] == "access:key:create"


async def test_updates_are_for_the_local_console(box):
    status, body = await ask(box, "POST", "/api/v1/updates/verify", {"directory": "/media/x"})
    assert (status, body["code"]) == (403, "access.local-only")


@pytest.mark.slow
async def test_bad_bodies_and_paths_are_problems(box):
    status, body = await ask(box, "POST", "/api/v1/jobs", {"kind": "mining", "spec": {}})
    assert (status, body["code"]) == (422, "request.field-refused")
    status, body = await ask(
        box, "POST", "/api/v1/keys", {"name": "x", "scopes": ["chat"], "role": 1}
    )
    assert (status, body["code"]) == (422, "request.field-refused")
    plain = {**box.bearer, "Content-Type": "application/json"}
    async with box.http.post(box.url + "/api/v1/keys", data=b"{", headers=plain) as answer:
        body = await answer.json(content_type=None)
        assert (answer.status, body["code"]) == (400, "request.malformed")
    status, body = await ask(box, "GET", "/nowhere")
    assert (status, body["code"]) == (404, "request.route-unknown")
    status, body = await ask(box, "DELETE", "/api/v1/jobs")
    assert (status, body["code"]) == (405, "request.method-refused")
    status, body = await ask(box, "GET", "/api/v1/jobs/nobody")
    assert (status, body["code"]) == (404, "job.unknown")
    big = {"facts": {"x": "y" * 2_000_000}}
    status, body = await ask(box, "POST", "/api/v1/specialists/admission-note", big)
    assert (status, body["code"]) == (413, "request.too-large")
    for path in ("/docs", "/redoc", "/openapi.json"):
        status, _ = await ask(box, "GET", path)
        assert status == 404
    status, body = await ask(box, "GET", "/api/v1/openapi.json")
    assert (status, body["openapi"][:2]) == (200, "3.")


async def test_a_fault_inside_is_a_problem_without_a_traceback(box, monkeypatch, caplog):
    # For this one question: what the box does by itself lists jobs too.
    with monkeypatch.context() as patched:
        patched.setattr(box.services.jobs, "list", lambda *_: 1 / 0)
        status, body = await ask(box, "GET", "/api/v1/jobs")
    assert (status, body["code"]) == (500, "box.internal")
    assert body["request_id"].startswith("req_")
    assert "ZeroDivision" not in json.dumps(body)


async def test_unlocking_from_this_machine(box):
    await box.front.lock("test")
    # The services of the fixture are closed by now: only the door is tried here.
    status, body = await ask(
        box, "POST", "/api/v1/vault/unlock", {"secret": PASSPHRASE + "x"}, local=True
    )
    assert (status, body["code"]) == (401, "vault.wrong-secret")
