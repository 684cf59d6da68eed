"""What was done to other gateways, done to this one: each test is a row of docs/operate/threats.md."""

import asyncio
import io
import json
import re
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.access import index
from appliance.api import wire
from appliance.api.hot import body as hot_body
from tests.appliance.api.box import MODEL, LiveBox, live_box
from tests.fakes import stub_engine

module = pytest.mark.asyncio(loop_scope="module")
CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}
HEALTH = b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def say(box: LiveBox, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(data)
    return reader, writer


async def told(box: LiveBox, data: bytes) -> bytes:
    """Everything that a connection answers until it is closed or silent."""
    reader, writer = await say(box, data)
    got = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65_536), 30):
            got += piece
            head, _, rest = got.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if length and len(rest) >= int(length):
                break
        return got
    finally:
        writer.close()


async def ask(box: LiveBox, method: str, path: str, data=None, **headers: str):
    headers = {**box.bearer, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
    body = None if raw is None else io.BytesIO(raw)
    async with box.http.request(method, box.url + path, data=body, headers=headers) as answer:
        got = await answer.read()
        return answer, (json.loads(got) if got[:1] in {b"{", b"["} else got)


def is_problem(answer, body, *statuses: int) -> None:
    assert answer.status in statuses, body
    assert answer.content_type == "application/problem+json"
    assert body["way_out"]
    assert "Traceback" not in json.dumps(body)


async def test_slow_heads_are_let_go_and_hold_nobody_up(box, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    slow = [await say(box, b"GET /api/v1/vault HTTP/1.1\r\nHost: loc") for _ in range(30)]
    assert b" 200 " in await told(box, HEALTH)
    for reader, writer in slow:
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
        writer.close()
    for _ in range(200):
        if not wire.BoxProtocol.heads_under_way:
            break
        await asyncio.sleep(0.02)
    assert wire.BoxProtocol.heads_under_way == 0


@pytest.mark.parametrize("path", ["/api/v1/keys", "/api/v1/sessions", "/v1/files", CHAT])
async def test_slow_bodies_are_let_go_whatever_the_route(box, monkeypatch, path):
    monkeypatch.setattr(hot_body, "BODY_SECONDS", 0.3)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {box.key}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    )
    if path == "/v1/files":
        head = head.replace("application/json", "multipart/form-data; boundary=x")
    raw = await told(box, head.encode())
    assert raw.startswith(b"HTTP/1.1 408 "), raw
    assert b"request.too-slow" in raw


@module
@pytest.mark.parametrize("path", [CHAT, "/api/v1/keys", "/v1/files", "/nothing"])
@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 40",
        "Content-Length: 4, 40",
        "Content-Length: -1",
        "Content-Length: 0x4",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "X: a\r\n folded",
        "X\x00Y: a",
        "Bad Name: a",
    ],
)
async def test_a_request_has_one_reading_or_none(shared_box, path, lines):
    inner = b"GET /api/v1/vault HTTP/1.1\r\nHost: localhost\r\nX: "
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shared_box.key}\r\n"
        f"Content-Type: application/json\r\n{lines}\r\n\r\n"
    )
    raw = await told(shared_box, head.encode("latin-1") + b"0\r\n\r\n" + inner)
    assert raw.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 404", b"HTTP/1.1 413")), raw
    assert len(re.findall(rb"HTTP/1\.1 \d", raw)) == 1


@module
async def test_a_huge_head_of_many_lines_is_refused(shared_box):
    many = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(2500))
    raw = await told(shared_box, b"GET /api/v1/vault HTTP/1.1\r\nHost: localhost\r\n" + many)
    assert raw.startswith(b"HTTP/1.1 431 ")


IDS = (
    "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e", "....//....//etc/passwd", "%00", "file-%00",
    "%c0%ae%c0%ae", "x%0d%0aSet-Cookie:%20a=b", "%E2%80%AEgpj", "x'%20OR%20'1'='1", "$%7Bjndi:x%7D",
    "{{7*7}}", "a" * 4000, "-1", "NaN", "%F0%9F%92%A9",
)  # fmt: skip
PATHS = (
    ("GET", "/v1/files/{}"), ("GET", "/v1/files/{}/content"), ("DELETE", "/v1/files/{}"),
    ("GET", "/v1/batches/{}"), ("GET", "/v1/responses/{}"), ("GET", "/v1/models/{}"),
    ("GET", "/api/v1/models/{}/card"), ("POST", "/api/v1/models/{}/verify"),
    ("GET", "/api/v1/jobs/{}"), ("GET", "/api/v1/audit/receipts/{}"),
    ("GET", "/api/v1/audit/proof/{}"), ("DELETE", "/api/v1/keys/{}"),
    ("DELETE", "/api/v1/adapters/{}"), ("GET", "/api/v1/deployments/{}"),
    ("DELETE", "/api/v1/certificates/clients/{}"), ("DELETE", "/api/v1/cluster/boxes/{}"),
)  # fmt: skip


@module
@pytest.mark.parametrize("ident", IDS, ids=range(len(IDS)))
async def test_an_id_is_no_path_and_no_program(shared_box, ident):
    for method, path in PATHS:
        target = path.format(ident)
        raw = await told(
            shared_box,
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {shared_box.key}\r\n\r\n".encode(),
        )
        assert raw[9:12] in {b"400", b"404", b"405", b"409", b"422"}, (target, raw[:300])
        head = raw.partition(b"\r\n\r\n")[0].lower()
        assert b"set-cookie" not in head
        assert b"root:" not in raw


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


BOMBS = (
    b"[" * 200_000, b'{"a":' * 100_000, b'{"name":' + b"9" * 6000 + b"}", b'{"name":1e999}',
    b'{"name":-1e999}', b'{"name":NaN}', b'{"name":"\\ud800"}', b"\xff\xfe{\x00}\x00", b"\x00",
    b'{"scopes":["chat"],"name":"a","expires":"99999-01-01T00:00:00Z"}',
    b'{"scopes":["chat"],"name":"a","requests_per_minute":1e308}',
    b'{"scopes":["chat"],"name":"a","__proto__":{"x":1}}',
    b'{"scopes":[' + b'"chat",' * 60_000 + b'"chat"],"name":"a"}',
)  # fmt: skip


@module
@pytest.mark.parametrize("path", ["/api/v1/keys", "/api/v1/jobs", "/v1/batches", CHAT])
@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
async def test_json_that_is_built_to_hurt_is_a_sentence(shared_box, path, bomb):
    answer, body = await ask(shared_box, "POST", path, bomb, Content_Type="application/json")
    is_problem(answer, body, 400, 413, 422)


@module
async def test_of_a_name_given_twice_one_reading_is_judged_and_used(shared_box):
    raw = b'{"name":"a","scopes":["chat"],"scopes":["audit:read"],"name":"b"}'
    answer, body = await ask(
        shared_box, "POST", "/api/v1/keys", raw, Content_Type="application/json"
    )
    assert answer.status == 201
    _, listed = await ask(shared_box, "GET", "/api/v1/keys")
    kept = next(key for key in listed if key["id"] == body["id"])
    assert (kept["name"], kept["scopes"]) == ("b", ["audit:read"])
    twice = b'{"messages":[{"role":"user","content":"x"}],"max_tokens":4,"max_tokens":1000000000}'
    answer, body = await ask(shared_box, "POST", CHAT, twice)
    is_problem(answer, body, 422)


NAMES = (
    "ｗａｒｄｂｏｘ-reference", "wardbox\u200b-reference", "wardbox\u2010reference", MODEL + "\u0000",
    MODEL + " ", " " + MODEL, MODEL.upper(), "\u202e" + MODEL, MODEL + "/../x", "wаrdbox-reference",
    MODEL + "\n", "",
)  # fmt: skip


@module
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_that_looks_like_a_model_is_none(shared_box, name):
    only = shared_box.make_key("chat", models=frozenset({MODEL}))
    answer, body = await ask(shared_box, "POST", CHAT, {**GOOD, "model": name}, **only)
    is_problem(answer, body, 403, 404, 422)
    if body["code"] == "access.model-forbidden":
        answer, body = await ask(shared_box, "POST", CHAT, {**GOOD, "model": name})
        is_problem(answer, body, 404, 422)


WORDS = (
    "a\n\ndata: [DONE]\n\n", "\nevent: error\ndata: {}\n\n", "\r\n\r\nHTTP/1.1 200 OK\r\n",
    "\u2028data: x\u2029", "\u0085", ":comment\n", "id: 7\nretry: 1\n",
)  # fmt: skip


@pytest_asyncio.fixture
async def sly_box(tmp_path, monkeypatch):
    """A box whose model writes what looks like the protocol."""
    monkeypatch.setattr(stub_engine, "_WORDS", WORDS)
    async with live_box(tmp_path, tokens=len(WORDS)) as one:
        yield one


async def test_what_a_model_writes_is_never_the_protocol(sly_box):
    _, body = await ask(sly_box, "POST", CHAT, GOOD)
    whole = body["choices"][0]["message"]["content"]
    assert whole == "".join(WORDS)
    asked = {
        CHAT: {**GOOD, "stream": True},
        "/v1/messages": {**GOOD, "max_tokens": 64, "stream": True},
        "/v1/responses": {"model": MODEL, "input": "?", "stream": True},
    }
    for path, wish in asked.items():
        _, raw = await ask(sly_box, "POST", path, wish)
        lines = raw.decode().split("\n")
        assert not [line for line in lines if line.startswith((":", "id", "retry"))], path
        assert "\r" not in raw.decode()
        datas = [line[6:] for line in lines if line.startswith("data: ")]
        assert datas.count("[DONE]") == (path == CHAT), path
        events = [json.loads(data) for data in datas if data != "[DONE]"]
        assert {line for line in lines if line.startswith("event: error")} == set()
        pieces = {
            CHAT: lambda e: (e.get("choices") or [{}])[0].get("delta", {}).get("content", ""),
            "/v1/messages": lambda e: e.get("delta", {}).get("text", ""),
            "/v1/responses": lambda e: e["delta"] if e["type"].endswith("text.delta") else "",
        }[path]
        assert "".join(pieces(event) or "" for event in events) == whole, path


@module
async def test_what_is_asked_writes_no_line_of_the_log(shared_box, caplog):
    evil = "x%0a2026-01-01%20CRITICAL%20forged%1b%5b31m"
    with caplog.at_level("DEBUG", logger="wardbox"):
        await ask(shared_box, "GET", f"/api/v1/jobs/{evil}")
        await ask(shared_box, "POST", CHAT, {**GOOD, "model": "x\nforged\x1b[31m"})
        user = {"name": "li\nforged", "password": "x" * 12}
        await ask(shared_box, "POST", "/api/v1/sessions", user)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("wardbox")]
    assert not [line for line in said if "forged" in line or "\x1b" in line]


@module
async def test_every_guess_costs_the_same_work(shared_box, monkeypatch):
    key = shared_box.make_key("chat")["Authorization"]
    compared = []

    def counted(one, other):
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(index, "compare_digest", counted)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    unknown = key[:12] + ("0" if key[12] != "0" else "1") + key[13:]
    for guess in (wrong, unknown):
        compared.clear()
        answer, body = await ask(shared_box, "GET", "/v1/models", Authorization=guess)
        is_problem(answer, body, 401)
        assert compared == [(32, 32)]


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


@module
@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "zstd", "compress", "identity, gzip", "x"]
)
async def test_packed_bodies_are_not_unpacked(shared_box, coding):
    for path in (CHAT, "/api/v1/keys", "/v1/files", "/v1/messages", "/api/v1/cluster/join"):
        answer, body = await ask(
            shared_box, "POST", path, b"\x1f\x8b\x08", Content_Encoding=coding,
            Content_Type="application/json",
        )  # fmt: skip
        is_problem(answer, body, 415)
        assert body["code"] == "request.encoding-refused"


def test_the_page_of_threats_names_tests_that_are_there():
    root = Path(__file__).parents[3]
    page = (root / "docs/operate/threats.md").read_text("utf-8")
    code = "".join(path.read_text("utf-8") for path in (root / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert {name for name in named if f"def {name}(" not in code} == set()
    files = {path.name for path in (root / "tests").rglob("test_*.py")}
    assert set(re.findall(r"`(?:\w+/)*(test_\w+\.py)`", page)) <= files
