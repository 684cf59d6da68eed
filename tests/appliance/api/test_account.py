"""The account of requests: every accepted one is closed, and the meter agrees with the record."""

import asyncio
import json

from appliance.errors import AuditUnavailable
from tests.appliance.api.box import LiveBox
from tests.appliance.api.questions import CHAT, GOOD, post, recorded
from tests.appliance.api.stand_ins import MODEL

STREAM = {**GOOD, "stream": True}


def metered(box: LiveBox) -> tuple[int, int, int]:
    rows = box.services.access.usage(0, 2**40)
    return (
        sum(row.requests for row in rows),
        sum(row.prompt_tokens for row in rows),
        sum(row.completion_tokens for row in rows),
    )


def on_record(box: LiveBox) -> tuple[int, int, int]:
    answers = [entry.details for entry in box.entries("model:completion:answer")]
    return (
        len(answers),
        sum(details["prompt_tokens"] for details in answers),
        sum(details["completion_tokens"] for details in answers),
    )


async def test_a_client_that_leaves_before_its_stream_begins_is_on_record(box, monkeypatch):
    asked = asyncio.Event()

    async def never(*_, **__):
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(type(box.serving.one.pool), "ask", never)
    asking = asyncio.create_task(post(box, STREAM))
    await asyncio.wait_for(asked.wait(), 60)
    asking.cancel()
    assert (await recorded(box, "model:completion:fail"))["code"] == "client-gone"
    assert len(box.entries("model:completion:accept")) == 1
    assert len(box.entries("model:completion:fail")) == 1


async def test_a_stream_that_breaks_off_is_not_metered(slow_box):
    box = slow_box
    async with box.http.post(box.url + CHAT, json=STREAM, headers=box.bearer) as answer:
        await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 60)
        box.serving.one.pool.close()
        assert b"engine.gone" in await asyncio.wait_for(answer.read(), 60)
    assert (await recorded(box, "model:completion:fail"))["code"] == "engine.gone"
    assert metered(box) == (0, 0, 0)


async def test_whole_answers_streams_and_left_ones_are_metered_as_recorded(slow_box):
    box = slow_box
    for _ in range(2):
        async with box.http.post(box.url + CHAT, json=STREAM, headers=box.bearer) as answer:
            await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 60)
    for _ in range(1200):
        if len(box.entries("model:completion:answer")) == 2:
            break
        await asyncio.sleep(0.05)
    assert on_record(box)[0] == 2
    assert metered(box) == on_record(box)


async def test_an_end_that_a_dying_writer_refused_is_put_once_more(slow_box, monkeypatch):
    """The writer dies as the client leaves: the request has its end on record all the same."""
    box = slow_box
    real = type(box.log).submit_nowait
    refused = []

    def once(log, event, callback):
        if event.tag == "model:completion:accept" or event.tag in refused:
            real(log, event, callback)
        else:
            refused.append(event.tag)
            asyncio.get_running_loop().call_soon(callback, AuditUnavailable(reason="writer"))

    monkeypatch.setattr(type(box.log), "submit_nowait", once)
    async with box.http.post(box.url + CHAT, json=STREAM, headers=box.bearer) as answer:
        await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 60)
    assert (await recorded(box, "model:completion:fail"))["code"] == "client-gone"
    assert refused == ["model:completion:answer", "model:completion:fail"]
    assert metered(box) == (0, 0, 0)


async def test_what_is_not_on_record_is_not_metered(box, monkeypatch):
    def full(*_):
        raise AuditUnavailable(reason="full")

    monkeypatch.setattr(type(box.log), "submit_nowait", full)
    answer, body = await post(box, GOOD)
    assert (answer.status, body["code"]) == (503, "audit.unavailable")
    assert metered(box) == (0, 0, 0)
    monkeypatch.undo()
    answer, body = await post(box, {**GOOD, "model": MODEL})
    assert answer.status == 200, json.dumps(body)
    assert metered(box) == on_record(box)
