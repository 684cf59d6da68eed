"""Threats that stand in names and words: ids, look-alikes, what a model writes, what reaches the log."""

import json

import pytest
import pytest_asyncio

from tests.appliance.api.attacks import CHAT, GOOD, ask, is_problem, module, told
from tests.appliance.api.box import live_box
from tests.appliance.api.stand_ins import MODEL
from tests.fakes import stub_engine

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
