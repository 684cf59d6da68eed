"""The model routes over real HTTP: what is answered, what is on record, on every kind of connection."""

import asyncio
import json
import socket

from appliance.audit.receipts import resolve
from tests.appliance.api.questions import CHAT, GOOD, assert_problem, post, raw_request
from tests.appliance.api.stand_ins import MODEL


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
