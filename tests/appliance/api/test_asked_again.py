"""Whole answers that break off half way: put to one other box, and their callers hear nothing of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.cluster.replicas import Replica, ReplicaBook
from appliance.serving.beyond import Beyond
from appliance.serving.errors import EngineFaulty, EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.upstream_client import UpstreamPool
from tests.appliance.access.doubles import HandClock
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.questions import GOOD, assert_problem, post, recorded
from tests.appliance.api.stand_ins import MODEL
from tests.appliance.cluster.neighbours import offer, told
from tests.appliance.serving.raw_engine import Engine, endpoint

HERE, ONE, TWO = "here", "10.20.0.1", "10.20.0.2"
REPLY = json.dumps(
    {
        "choices": [{"message": {"content": "好"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
).encode()


def http(length: int = len(REPLY), status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, length, REPLY)


WHOLE, HALF, NOTHING = http(), http()[:-9], b""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CUT = {
    "after the headers": http()[: -len(REPLY)],
    "in mid body": HALF,
    "before its last byte": http()[:-1],
    "shorter than it says": http(len(REPLY) + 1),
    "before the first chunk": CHUNKED,
    "in mid chunk": CHUNKED + b'b\r\n{"cho',
    "between chunks": CHUNKED + b'5\r\n{"cho\r\n',
    "before the last chunk": CHUNKED + b"%x\r\n%b\r\n" % (len(REPLY), REPLY),
    "in a refusal": http(status=b"400 No")[:-9],
}
WRONG = {
    "no HTTP": (b"hello?\r\n\r\n", 502, "engine.faulty"),
    "no chunks": (CHUNKED + b"2\r\n{}\r\nhello?\r\n", 502, "engine.faulty"),
    "longer than it says": (http(9), 502, "engine.faulty"),
    "a fault": (http(status=b"500 Oh"), 502, "engine.faulty"),
    "a refusal": (http(status=b"400 No"), 400, "engine.refused"),
    "not yet": (http(status=b"503 Wait"), 503, "model.loading"),
}


class Pools:
    """Connections to other boxes, as `PeerPools` keeps them."""

    def __init__(self, pools: dict[str, UpstreamPool]) -> None:
        self.pools = pools

    def full(self, replica: Replica) -> bool:
        return self.pools[replica.address].full

    async def ask(
        self, replica: Replica, path: str, body: bytes, asker: str, *, patient: bool
    ) -> Exchange:
        return await self.pools[replica.address].ask(path, body, asker, patient=patient)


class Around:
    """This box's engine and two neighbours: each answers whole, but for what its script says."""

    def __init__(self, box: LiveBox) -> None:
        self.box = box
        self.scripts: dict[str, list[bytes]] = {HERE: [], ONE: [], TWO: []}
        self.waits: dict[str, asyncio.Event] = {}
        self.engines: dict[str, Engine] = {}
        self.pools: dict[str, UpstreamPool] = {}
        self.book = ReplicaBook(HandClock(100.0))
        self.inside = 0

    async def open(self, folder: Path, undo: AsyncExitStack) -> None:
        for number, name in enumerate(self.scripts):
            engine = Engine(folder / f"e{number}", self.playing(name))
            self.engines[name] = await undo.enter_async_context(engine)
            self.pools[name] = UpstreamPool(endpoint(engine.path, silence_s=60.0))
            undo.callback(self.pools[name].close)

    def lives(self, *names: str) -> None:
        """Say who has the model; they are asked in this order: here, one, two."""
        for address in {ONE, TWO} & set(names):
            self.book.hear(told(address, 1, offer(MODEL)))
        home = replace(
            self.box.serving.one,
            pool=self.pools[HERE],
            engine="vllm",
            content="ef" * 32,
            enter=lambda: self.count(1),
            leave=lambda: self.count(-1),
        )
        here = home if HERE in names else None
        beyond = Beyond(self.book, Pools(self.pools), self.box.serving.traffic, b"k" * 32)
        self.box.serving.ready = lambda _: beyond.offer(MODEL, None, here, None)

    def playing(self, name: str):
        async def answer(writer: asyncio.StreamWriter, _served: int) -> bool:
            if name in self.waits:
                await self.waits[name].wait()
            told = self.scripts[name].pop(0) if self.scripts[name] else WHOLE
            writer.write(told)
            await writer.drain()
            return told == WHOLE

        return answer

    def count(self, by: int) -> None:
        self.inside += by

    def times(self) -> list[int]:
        """How often each was asked: this box's engine, one, two."""
        return [len(self.engines[name].requests) for name in (HERE, ONE, TWO)]

    def resting(self) -> list[str]:
        return [one.address for one in self.book.all() if one.resting]

    async def is_asked(self, name: str) -> None:
        async with asyncio.timeout(60):
            while not self.engines[name].requests:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def is_quiet(self) -> None:
        """Wait until nothing is counted as under way any more, anywhere."""
        async with asyncio.timeout(60):
            while (  # noqa: ASYNC110
                self.inside
                or self.box.serving.traffic.in_flight
                or any(any(one.outstanding.values()) for one in self.book.peers())
                or any(pool.in_flight for pool in self.pools.values())
            ):
                await asyncio.sleep(0.005)

    def record(self) -> dict[str, int]:
        kinds = ("accept", "answer", "fail")
        return {kind: len(self.box.entries(f"model:completion:{kind}")) for kind in kinds}

    def metered(self) -> list[tuple[int, int, int]]:
        rows = self.box.services.access.usage(0, 2**40)
        return [(row.requests, row.prompt_tokens, row.completion_tokens) for row in rows]


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Around]:
    async with live_box(tmp_path) as box, AsyncExitStack() as undo:
        places = Around(box)
        await places.open(tmp_path, undo)
        yield places


async def test_an_answer_that_breaks_off_comes_from_another_box(around):
    around.lives(HERE, ONE, TWO)
    # Who asks so often and no more this month is counted once for each.
    key = around.box.make_key("chat", rpmo=len(CUT))
    for cut in CUT.values():
        around.scripts[HERE] = [cut]
        answer, body = await post(around.box, GOOD, headers=key)
        assert answer.status == 200, (cut, body)
        assert body["choices"][0]["message"]["content"] == "好"
        assert body["receipt"] == answer.headers["x-wardbox-receipt"]
        await around.is_quiet()
    assert around.times() == [len(CUT), len(CUT), 0]
    for name in (HERE, ONE):
        assert len({one.split(b"\r\n\r\n")[1] for one in around.engines[name].requests}) == 1
    # One end of each on record, metered once.
    assert around.record() == {"accept": 0, "answer": len(CUT), "fail": 0}
    assert around.metered() == [(len(CUT), 3 * len(CUT), len(CUT))]
    assert around.resting() == []


async def test_a_neighbour_that_breaks_off_rests_while_the_next_one_answers(around):
    around.lives(ONE, TWO)
    around.scripts[ONE] = [HALF]
    for _ in range(2):
        answer, body = await post(around.box, GOOD)
        assert answer.status == 200, body
    await around.is_quiet()
    assert around.times() == [0, 1, 2]
    assert around.resting() == [ONE]
    assert around.record() == {"accept": 0, "answer": 2, "fail": 0}


@pytest.mark.parametrize("first", [HALF, NOTHING])
@pytest.mark.parametrize("second", [HALF, NOTHING])
async def test_it_is_put_to_one_other_and_no_more(around, first, second):
    """Two boxes died with it: it may be the cause, and the third one is spared."""
    around.lives(HERE, ONE, TWO)
    around.scripts[HERE], around.scripts[ONE] = [first], [second]
    answer, body = await post(around.box, GOOD)
    assert_problem(answer, body, 502, "engine.gone")
    assert (await recorded(around.box, "model:completion:fail"))["code"] == "engine.gone"
    await around.is_quiet()
    assert around.times() == [1, 1, 0]
    assert around.resting() == [ONE]
    assert around.record() == {"accept": 0, "answer": 0, "fail": 1}
    assert around.metered() == []


async def test_where_nobody_else_has_the_model_the_end_is_told(around):
    around.lives(ONE)
    around.scripts[ONE] = [HALF]
    answer, body = await post(around.box, GOOD)
    assert_problem(answer, body, 502, "engine.gone")
    await around.is_quiet()
    assert around.times() == [0, 1, 0]


async def test_what_is_wrong_and_not_broken_off_is_told_at_once(around):
    around.lives(HERE, ONE)
    for number, (wrong, status, code) in enumerate(WRONG.values(), 1):
        around.scripts[HERE] = [wrong]
        answer, body = await post(around.box, GOOD)
        assert (answer.status, body["code"]) == (status, code), wrong
        await around.is_quiet()
        assert around.times() == [number, 0, 0]


async def test_a_whole_answer_before_the_end_is_taken_and_nobody_else_asked(around):
    around.lives(HERE, ONE)
    # It hangs up in the same breath.
    around.scripts[HERE] = [WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), WHOLE]
    for _ in range(2):
        answer, body = await post(around.box, GOOD)
        assert answer.status == 200, body
    await around.is_quiet()
    assert around.times() == [2, 0, 0]


async def test_an_answer_beyond_all_bounds_is_no_broken_one():
    exchange = Exchange(asyncio.get_running_loop())
    piece = bytes(1_048_576)
    for _ in range(65):
        exchange.feed(piece)
    exchange.fail(EngineGone(reason="connection lost"))
    with pytest.raises(EngineFaulty):
        await exchange.whole()


async def test_who_leaves_meanwhile_stops_the_second_box_too(around):
    around.lives(HERE, ONE, TWO)
    around.scripts[HERE], around.waits[ONE] = [HALF], asyncio.Event()
    asking = asyncio.create_task(post(around.box, GOOD))
    await around.is_asked(ONE)
    asking.cancel()
    assert (await recorded(around.box, "model:completion:fail"))["code"] == "client-gone"
    await around.is_quiet()
    around.waits[ONE].set()
    assert around.times() == [1, 1, 0]
    assert around.record() == {"accept": 0, "answer": 0, "fail": 1}


async def test_a_key_that_was_revoked_meanwhile_is_not_asked_for_again(around):
    around.lives(HERE, ONE)
    made = around.box.make_key("chat")
    key_id = made["Authorization"].split(".")[0].removeprefix("Bearer ")
    around.scripts[HERE], around.waits[HERE] = [HALF], asyncio.Event()
    asking = asyncio.create_task(post(around.box, GOOD, headers=made))
    await around.is_asked(HERE)
    await asyncio.to_thread(around.box.services.access.revoke_key, key_id)
    around.waits[HERE].set()
    answer, body = await asking
    assert (answer.status, body["code"]) == (401, "access.refused")
    await around.is_quiet()
    assert around.times() == [1, 0, 0]


async def test_a_stream_that_broke_off_is_not_begun_again(around):
    around.lives(HERE, ONE)
    around.scripts[HERE] = [CHUNKED]
    _, told = await post(around.box, {**GOOD, "stream": True})
    assert b"engine.gone" in told
    assert (await recorded(around.box, "model:completion:fail"))["code"] == "engine.gone"
    await around.is_quiet()
    assert around.times() == [1, 0, 0]
    assert around.record() == {"accept": 1, "answer": 0, "fail": 1}
