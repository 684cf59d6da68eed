"""The model routes over real HTTP: what is answered, what is refused, what is on record."""

import asyncio
import io
import json
import socket

import pytest

from appliance.audit.receipts import resolve
from tests.appliance.api.box import MODEL, LiveBox

CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}


async def recorded(box: LiveBox, tag: str):
    for _ in range(3000):
        if found := box.entries(tag):
            return found[0].details
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {tag} on record")


async def engine_asked(box: LiveBox) -> None:
    """Wait until a request has reached the engine, which takes seconds in a slow box."""
    while not box.serving.one.pool.in_flight:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def post(box: LiveBox, body, path=CHAT, headers=None, **more):
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    headers = {**box.bearer, **(headers or {})}
    async with box.http.post(box.url + path, data=data, headers=headers, **more) as answer:
        raw = await answer.read()
        return answer, (json.loads(raw) if raw.startswith(b"{") else raw)


def assert_problem(answer, body, status, code):
    assert answer.status == status, body
    assert answer.content_type == "application/problem+json"
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:wardbox:problem:{code}"
    assert body["way_out"]
    assert any("\u4e00" <= c <= "\u9fff" for c in body["detail"])
    assert body["error"]["code"] == code
    assert body["error"]["message"] == body["detail"]


async def test_an_answer_carries_a_receipt_that_leads_to_its_record(box):
    answer, body = await post(box, GOOD)
    assert answer.status == 200
    assert body["choices"][0]["message"]["content"]
    receipt = answer.headers["X-WardBox-Receipt"]
    assert body["receipt"] == receipt
    found = resolve(box.log.reader, receipt)
    assert found.model == MODEL
    assert found.model_digest == "ab" * 32
    event = box.entries("model:completion:answer")[0]
    assert event.request_id == answer.headers["X-Request-ID"]
    assert event.details["completion_tokens"] == 8
    assert "入院" not in json.dumps(event.details, ensure_ascii=False)
    assert box.serving.traffic.picture().requests_per_minute > 0


async def test_a_stream_is_accepted_on_record_before_it_and_answered_before_its_end(box):
    body = {**GOOD, "stream": True, "stream_options": {"include_usage": True}}
    async with box.http.post(box.url + CHAT, json=body, headers=box.bearer) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        text = (await answer.read()).decode()
    events = [line[6:] for line in text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    last = json.loads(events[-2])
    assert last["receipt"] == answer.headers["X-WardBox-Receipt"]
    assert last["choices"][0]["finish_reason"] == "length"
    told = "".join(json.loads(e)["choices"][0]["delta"].get("content", "") for e in events[:-1])
    assert told
    assert box.tags()[-2:] == ["model:completion:accept", "model:completion:answer"]
    record = box.entries("model:completion:answer")[0]
    assert record.details["stream"] is True
    assert record.details["completion_tokens"] == 8


async def test_completions_and_embeddings(box):
    answer, body = await post(box, {"model": MODEL, "prompt": "患者"}, "/v1/completions")
    assert answer.status == 200
    assert body["choices"][0]["text"]
    answer, body = await post(box, {"model": MODEL, "input": ["患者"]}, "/v1/embeddings")
    assert answer.status == 200
    assert body["data"][0]["embedding"]
    assert body["receipt"]


async def test_the_default_model_answers_when_none_is_named(box):
    answer, _ = await post(box, {"messages": GOOD["messages"]})
    assert answer.status == 200


async def test_who_uses_what_is_metered(box):
    await post(box, GOOD)
    rows = box.services.access.usage(0, 2**40)
    assert sum(row.completion_tokens for row in rows) == 8
    assert sum(row.requests for row in rows) == 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"api_base": "http://evil"}, "api_base"),
        ({"base_url": "http://evil"}, "base_url"),
        ({"extra_headers": {"a": "b"}}, "extra_headers"),
        ({"role": "administrator"}, "role"),
        ({"grammar": "root ::= root"}, "grammar"),
        ({"json_schema": {}}, "json_schema"),
        ({"n_probs": 10}, "n_probs"),
        ({"cache_prompt": True}, "cache_prompt"),
        ({"id_slot": 0}, "id_slot"),
        ({"lora": []}, "lora"),
        ({"logit_bias": {"1": 1000}}, "logit_bias"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 1e9}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": -1}, "min_p"),
        ({"seed": -1}, "seed"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"stop": [""]}, "stop[0]"),
        ({"stop": "x" * 129}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 513}, "messages"),
        ({"messages": [{"role": "root", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": []}]},
            "messages[0].tool_calls",
        ),
        ({"messages": "x"}, "messages"),
        ({"model": 7}, "model"),
        ({"model": "../../etc/passwd"}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"x": 1}}, "stream_options.x"),
        ({"response_format": {"type": "json_schema", "schema": {}}}, "response_format"),
    ],
)
async def test_a_field_out_of_the_list_or_its_bounds_is_refused_by_name(shared_box, change, field):
    box = shared_box
    answer, body = await post(box, {**GOOD, **change})
    assert_problem(answer, body, 422, "request.field-refused")
    assert field.split(".", maxsplit=1)[0] in body["error"]["param"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0/x.png", "https://example.org/x.png", "file:///etc/passwd", "//evil/x",
        "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://user@127.0.0.1/",
        "http:\\\\evil", "data:text/html;base64,AAAA", "data:image/png;base64,AAAA\n",
    ],
)  # fmt: skip
async def test_only_data_urls_are_images(shared_box, url):
    box = shared_box
    part = {"type": "image_url", "image_url": {"url": url}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": [part]}]}
    answer, told = await post(box, body)
    assert_problem(answer, told, 422, "request.field-refused")
    part["image_url"]["url"] = "data:image/png;base64,AAAA"
    answer, told = await post(box, body)
    assert_problem(answer, told, 400, "model.cannot")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"messages":"\xed\xa0\x80"}',
    ],
)
async def test_what_is_no_json_is_a_sentence(shared_box, body):
    box = shared_box
    answer, told = await post(box, body)
    assert answer.status in {400, 422}
    assert_problem(answer, told, answer.status, told["code"])


async def test_a_megabyte_of_prompt_is_too_large_whether_it_says_so_or_not(box):
    big = {**GOOD, "messages": [{"role": "user", "content": "x" * 1_100_000}]}
    answer, body = await post(box, big)
    assert_problem(answer, body, 413, "request.too-large")

    async def pieces():
        for _ in range(40):
            yield b"x" * 65_536

    async with box.http.post(box.url + CHAT, data=pieces(), headers=box.bearer) as answer:
        assert_problem(answer, await answer.json(content_type=None), 413, "request.too-large")
    answer, _ = await post(box, GOOD)
    assert answer.status == 200


async def test_compressed_bodies_are_not_taken(box):
    answer, body = await post(box, GOOD, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, body, 415, "request.encoding-refused")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "value",
    [
        None, "", "Bearer", "Bearer ", "Basic abc", "Bearer ' OR 1=1 --", 'Bearer "', "Bearer a.b",
        "Bearer wbk_0.x", "Bearer " + "中".encode().decode("latin-1"), "Bearer " + "x" * 7000,
    ],
)  # fmt: skip
async def test_a_bad_bearer_is_401_of_one_shape(shared_box, value):
    box = shared_box
    headers = {} if value is None else {"Authorization": value}
    async with box.http.post(box.url + CHAT, json=GOOD, headers=headers) as answer:
        body = await answer.json(content_type=None)
    assert_problem(answer, body, 401, "access.refused")
    assert answer.headers["WWW-Authenticate"]
    assert set(body) == {
        "type", "title", "status", "code", "detail", "way_out", "request_id", "error",
    }  # fmt: skip


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("value", [b"Bearer a\x00b", b"Bearer " + b"x" * 1_000_000, b"Bearer \x01"])
async def test_a_bearer_with_nul_or_of_a_megabyte_is_401_too(shared_box, value):
    box = shared_box
    raw = await raw_request(
        box.port,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
        b"Content-Length: 2\r\n\r\n{}" % value,
    )
    assert raw.startswith(b"HTTP/1.1 401 ")
    assert b'"access.refused"' in raw


async def raw_request(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(65_536), 60)
    finally:
        writer.close()


async def test_two_keys_in_one_request_are_none(box):
    raw = await raw_request(
        box.port,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        b"Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}" % box.key.encode(),
    )
    assert raw.startswith(b"HTTP/1.1 401 ")


async def test_scope_model_list_and_quota_hold(box):
    answer, body = await post(box, GOOD, headers=box.make_key("models:read"))
    assert_problem(answer, body, 403, "access.forbidden")
    only = box.make_key("chat", models=frozenset({"another"}))
    answer, body = await post(box, GOOD, headers=only)
    assert_problem(answer, body, 403, "access.model-forbidden")
    answer, body = await post(box, {"messages": GOOD["messages"]}, headers=only)
    assert_problem(answer, body, 403, "access.model-forbidden")
    few = box.make_key("chat", rpm=2)
    assert [(await post(box, GOOD, headers=few))[0].status for _ in range(3)] == [200, 200, 429]
    answer, body = await post(box, GOOD, headers=few)
    assert_problem(answer, body, 429, "access.quota-exceeded")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-RateLimit-Remaining-Requests"] == "0"


async def test_a_revoked_key_is_dead_at_once(box):
    headers = box.make_key("chat")
    assert (await post(box, GOOD, headers=headers))[0].status == 200
    key_id = headers["Authorization"].removeprefix("Bearer ").partition(".")[0]
    async with box.http.delete(f"{box.url}/api/v1/keys/{key_id}", headers=box.bearer) as answer:
        assert answer.status == 204
    assert (await post(box, GOOD, headers=headers))[0].status == 401


async def test_an_unknown_model_and_a_loading_one(box):
    answer, body = await post(box, {**GOOD, "model": "nobody"})
    assert_problem(answer, body, 404, "model.unknown")
    box.serving.loading = True
    answer, body = await post(box, GOOD)
    assert_problem(answer, body, 503, "model.loading")
    assert answer.headers["Retry-After"] == "3"
    assert body["progress"] == 0.4


async def test_a_locked_box_answers_503(box):
    await box.front.lock("test")
    answer, body = await post(box, GOOD)
    assert_problem(answer, body, 503, "vault.locked")


async def test_no_record_no_answer(box):
    box.log.close()
    answer, body = await post(box, GOOD)
    assert_problem(answer, body, 503, "audit.unavailable")
    answer, body = await post(box, {**GOOD, "stream": True})
    assert_problem(answer, body, 503, "audit.unavailable")


async def test_a_client_that_hangs_up_stops_the_engine(slow_box):
    box = slow_box
    body = json.dumps({**GOOD, "stream": True}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (box.key.encode(), len(body), body)
    )
    await reader.readuntil(b"data: ")
    assert box.serving.one.pool.in_flight == 1
    writer.transport.abort()
    for _ in range(1200):
        if not box.serving.one.pool.in_flight and box.entries("model:completion:answer"):
            break
        await asyncio.sleep(0.05)
    assert box.serving.one.pool.in_flight == 0
    record = box.entries("model:completion:answer")[0]
    assert record.details["status"] == "client-gone"
    assert 0 < record.details["completion_tokens"] < 100


async def test_a_client_that_hangs_up_before_a_whole_answer_stops_the_engine(slow_box):
    box = slow_box
    asking = asyncio.create_task(post(box, GOOD))
    await engine_asked(box)
    asking.cancel()
    assert (await recorded(box, "model:completion:fail"))["code"] == "client-gone"
    assert box.serving.one.pool.in_flight == 0


async def test_an_engine_that_dies_mid_answer_is_an_error_and_no_hang(slow_box):
    box = slow_box
    asking = asyncio.create_task(post(box, GOOD))
    await engine_asked(box)
    box.serving.one.pool.close()
    answer, body = await asyncio.wait_for(asking, 60)
    assert_problem(answer, body, 502, "engine.gone")
    assert (await recorded(box, "model:completion:fail"))["code"] == "engine.gone"


async def test_an_engine_that_dies_mid_stream_ends_it_with_an_error_event(slow_box):
    box = slow_box
    async with box.http.post(
        box.url + CHAT, json={**GOOD, "stream": True}, headers=box.bearer
    ) as a:
        begun = await asyncio.wait_for(a.content.readuntil(b"\n\n"), 60)
        box.serving.one.pool.close()
        text = (begun + await asyncio.wait_for(a.read(), 60)).decode()
    events = [line[6:] for line in text.split("\n\n") if line]
    assert "[DONE]" not in text
    last = json.loads(events[-1])
    assert last["error"]["code"] == "engine.gone"
    assert last["code"] == "engine.gone"


async def test_many_clients_get_their_own_answers(box):
    answers = await asyncio.gather(*(post(box, GOOD) for _ in range(64)))
    receipts = {body["receipt"] for _, body in answers}
    assert len(receipts) == 64
    assert len(box.entries("model:completion:answer")) == 64


async def test_the_local_socket_needs_no_key_and_a_wrong_key_there_is_still_wrong(box):
    async with box.local.post("http://x" + CHAT, json=GOOD) as answer:
        assert answer.status == 200
    assert box.entries("model:completion:answer")[0].actor == "local:console"
    async with box.local.post(
        "http://x" + CHAT, json=GOOD, headers={"Authorization": "Bearer x"}
    ) as a:
        assert a.status == 401


async def test_another_host_name_is_not_answered(box):
    for host, status in (
        ("evil.example", 421), ("localhost", 200), ("127.0.0.1:8443", 200), ("[::1]:1", 200),
        ("BOX.hospital.cn", 200), ("127.0.0.1.evil.example", 421), ("", 421),
    ):  # fmt: skip
        answer, _ = await post(box, GOOD, headers={"Host": host})
        assert answer.status == status, host
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_head_without_end_and_a_head_that_is_none(box):
    raw = await raw_request(
        box.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 3_000_000
    )
    assert raw.startswith(b"HTTP/1.1 431 ")
    raw = await raw_request(box.port, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"request.not-http" in raw
    answer, _ = await post(box, GOOD)
    assert answer.status == 200


async def test_requests_in_one_packet_are_answered_in_order(box):
    body = json.dumps(GOOD).encode()
    one = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (box.key.encode(), len(body), body)
    )
    with socket.create_connection(("127.0.0.1", box.port)) as plain:
        plain.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(plain, one * 3)
        got = b""
        while got.count(b'"receipt":') < 3:
            got += await asyncio.wait_for(loop.sock_recv(plain, 65_536), 60)
    assert got.count(b"HTTP/1.1 200 OK") == 3
