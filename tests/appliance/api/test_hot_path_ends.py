"""The model routes over real HTTP: clients that hang up and engines that die under way."""

import asyncio
import json

from tests.appliance.api.questions import CHAT, GOOD, assert_problem, engine_asked, post, recorded


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
