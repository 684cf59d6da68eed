"""What was done to other gateways, done to this one: each test is a row of docs/operate/threats.md."""

import asyncio
import re
from pathlib import Path

import pytest

from appliance.access import index
from appliance.api import wire
from appliance.api.hot import body as hot_body
from tests.appliance.api.attacks import CHAT, HEALTH, ask, is_problem, module, say, told


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
    code: dict[str, str] = {}
    for path in (root / "tests").rglob("test_*.py"):
        code[path.name] = code.get(path.name, "") + path.read_text("utf-8")
    files = set(re.findall(r"`(?:\w+/)*(test_\w+\.py)`", page))
    assert files <= set(code)
    for file, tests in re.findall(r"`(?:\w+/)*(test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)", page):
        named = re.findall(r"`(test_\w+)`", tests)
        assert [name for name in named if f"def {name}(" not in code[file]] == [], file
