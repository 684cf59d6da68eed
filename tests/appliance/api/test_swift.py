"""Requests that are answered without a task: a pool that is warm, and everything that may go wrong then."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.api.hot.swift import Swift
from appliance.serving.errors import EngineFaulty
from appliance.serving.exchange import Called
from appliance.serving.upstream_client import UpstreamPool
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.questions import CHAT, GOOD, assert_problem, post, recorded
from tests.appliance.serving.raw_engine import Engine, endpoint

REPLY = {
    "choices": [{"message": {"role": "assistant", "content": "好"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


def http(body: object = REPLY) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)


class Played:
    """A box whose engine answers as a test has it answer; the first request has warmed its pool."""

    def __init__(self, box: LiveBox) -> None:
        self.box = box
        self.script: list[bytes | None] = []
        self.held = asyncio.Event()
        self.held.set()
        self.asked = 0
        self.inside = 0

    async def answer(self, writer: asyncio.StreamWriter, _served: int) -> bool:
        self.asked += 1
        await self.held.wait()
        told = self.script.pop(0) if self.script else http()
        if told is not None:
            writer.write(told)
            await writer.drain()
        return told == http() or (told is not None and len(told) > 10_000)

    def enter(self) -> None:
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1

    async def is_asked(self, times: int) -> None:
        async with asyncio.timeout(60):
            while self.asked < times:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def is_quiet(self) -> None:
        """Wait until nothing is under way any more, wherever that is counted."""
        async with asyncio.timeout(60):
            while self.inside or self.box.serving.one.pool.in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def played(tmp_path: Path) -> AsyncIterator[Played]:
    async with live_box(tmp_path) as box:
        play = Played(box)
        async with Engine(tmp_path / "raw", play.answer) as engine:
            pool = UpstreamPool(endpoint(engine.path, silence_s=5.0))
            first = box.serving.one
            box.serving.one = replace(first, pool=pool, enter=play.enter, leave=play.leave)
            assert (await post(box, GOOD))[0].status == 200
            assert pool.ready
            yield play
            pool.close()
            box.serving.one = first


def answers(box: LiveBox) -> int:
    return len(box.entries("model:completion:answer"))


def swift_ones() -> list[Swift]:
    return [one for one in gc.get_objects() if type(one) is Swift]


async def test_a_warm_request_is_answered_like_a_cold_one_and_without_a_task(tmp_path):
    async with live_box(tmp_path) as box:
        cold, first = await post(box, GOOD)
        warm, second = await post(box, GOOD)
    assert (cold.status, warm.status) == (200, 200)
    assert list(cold.headers) == list(warm.headers)
    assert set(first) == set(second)
    assert first["choices"] == second["choices"]
    assert cold.headers["x-wardbox-receipt"] != warm.headers["x-wardbox-receipt"]
    assert second["receipt"] == warm.headers["x-wardbox-receipt"]


async def test_it_takes_no_task(played):
    played.held.clear()
    asking = asyncio.create_task(post(played.box, GOOD))
    await played.is_asked(2)
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    played.held.set()
    answer, body = await asking
    assert answer.status == 200, body
    assert not [name for name in names if "HotRoutes" in name]
    await played.is_quiet()
    assert answers(played.box) == 2


@pytest.mark.parametrize("told", [None, b"HTTP/1.1 200 OK\r\n", b""])
async def test_a_connection_that_was_closed_meanwhile_costs_nothing(played, told):
    """The engine closes before it tells its status, whether it has heard the request or not."""
    if told != b"":
        played.script = [told]
    else:
        for connection in list(played.box.serving.one.pool._all):
            connection._transport.abort()
    answer, body = await post(played.box, GOOD)
    assert answer.status == 200, body
    await played.is_quiet()
    assert answers(played.box) == 2
    assert not played.box.entries("model:completion:fail")
    assert (await post(played.box, GOOD))[0].status == 200


async def test_a_fresh_connection_that_is_closed_too_is_the_engine_s_end(played):
    played.script = [None, None]
    answer, body = await post(played.box, GOOD)
    assert_problem(answer, body, 502, "engine.gone")
    assert (await recorded(played.box, "model:completion:fail"))["code"] == "engine.gone"
    await played.is_quiet()
    assert played.asked == 3


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        (http()[:-9], 502, "engine.gone"),
        (b"hello?\r\n\r\n", 502, "engine.faulty"),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}", 502, "engine.faulty"),
        (b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\n{}", 400, "engine.refused"),
        (http(b"no json at all"), 502, "engine.faulty"),
        (http(b"[]"), 502, "engine.faulty"),
    ],
)
async def test_what_is_no_answer_is_told(played, told, status, code):
    played.script = [told]
    answer, body = await post(played.box, GOOD)
    assert (answer.status, body["code"]) == (status, code)
    assert (await recorded(played.box, "model:completion:fail"))["code"] == code
    await played.is_quiet()
    assert answers(played.box) == 1
    assert (await post(played.box, GOOD))[0].status == 200


async def test_a_client_that_leaves_stops_the_engine(played):
    played.held.clear()
    asking = asyncio.create_task(post(played.box, GOOD))
    await played.is_asked(2)
    asking.cancel()
    assert (await recorded(played.box, "model:completion:fail"))["code"] == "client-gone"
    await played.is_quiet()
    played.held.set()
    assert answers(played.box) == 1


async def test_a_server_that_ends_gives_them_up(played):
    """The server goes over its tasks while it cancels them: nothing may leave the set meanwhile."""
    played.held.clear()
    asking = asyncio.create_task(post(played.box, GOOD))
    await played.is_asked(2)
    (one,) = swift_ones()
    one.cancel(msg="shutdown")
    assert played.inside == 1
    assert (await recorded(played.box, "model:completion:fail"))["code"] == "cancelled"
    await played.is_quiet()
    asking.cancel()
    played.held.set()


async def test_a_key_that_is_revoked_meanwhile_gets_nothing(played):
    box = played.box
    made = box.make_key("chat")
    key_id = made["Authorization"].split(".")[0].removeprefix("Bearer ")
    played.held.clear()
    asking = asyncio.create_task(post(box, GOOD, headers=made))
    await played.is_asked(2)
    await asyncio.to_thread(box.services.access.revoke_key, key_id)
    played.held.set()
    answer, body = await asking
    assert (answer.status, body["code"]) == (401, "access.refused")
    await played.is_quiet()
    assert answers(box) == 1


async def test_no_record_no_answer(played):
    box = played.box
    played.held.clear()
    asking = asyncio.create_task(post(box, GOOD))
    await played.is_asked(2)
    await asyncio.to_thread(box.log.close)
    played.held.set()
    answer, body = await asking
    assert_problem(answer, body, 503, "audit.unavailable")
    await played.is_quiet()


async def test_hasty_refusals_are_told_one_by_one(box):
    """As many as come in one piece: they are not answered inside each other."""
    assert (await post(box, GOOD))[0].status == 200
    bad = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    count = 60_000 // len(bad)
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(bad * count)
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert head.startswith(b"HTTP/1.1 401 ")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def test_a_long_answer_passes_whole(played):
    text = "长" * 200_000
    long = {**REPLY, "choices": [{"message": {"content": text}, "finish_reason": "length"}]}
    played.script = [http(long)]
    answer, body = await post(played.box, GOOD)
    assert answer.status == 200
    assert body["choices"][0]["message"]["content"] == text
    await played.is_quiet()


async def test_an_answer_without_end_is_not_gathered():
    ended: list[bool] = []
    exchange = Called(asyncio.get_running_loop(), lambda: ended.append(True))
    piece = bytes(1_048_576)
    for _ in range(64):
        exchange.feed(piece)
        exchange.wake()
    assert not ended
    exchange.feed(piece)
    exchange.wake()
    exchange.wake()
    assert ended == [True]
    assert isinstance(exchange.error, EngineFaulty)


async def test_what_a_limit_refuses_never_reaches_the_engine(played):
    tight = played.box.make_key("chat", rpm=1)
    assert (await post(played.box, GOOD, headers=tight))[0].status == 200
    answer, body = await post(played.box, GOOD, headers=tight)
    assert (answer.status, body["code"]) == (429, "access.quota-exceeded")
    assert answer.headers["Retry-After"]
    await played.is_quiet()
    assert played.asked == 2


async def test_a_fault_of_ours_is_a_problem_and_no_silence(played):
    def broken(_tokens: int) -> None:
        raise ZeroDivisionError

    box = played.box
    box.serving.one = replace(box.serving.one, heard=lambda: broken(1))
    answer, body = await post(box, GOOD)
    assert (answer.status, body["code"]) == (500, "box.internal")
    await played.is_quiet()
    async with box.http.post(box.url + CHAT, json=GOOD, headers=box.bearer) as again:
        assert again.status == 500
