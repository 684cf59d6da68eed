"""Requests over two boxes: spread by load, moved on when one dies, answered nowhere unrecorded."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import pytest

from appliance.cluster import peering, replicas
from appliance.cluster.errors import ReplicasGone
from appliance.errors import AuditUnavailable
from appliance.serving.assembly import go_beyond
from appliance.serving.errors import EngineGone
from appliance.serving.store import Target
from appliance.settings.log import REQUEST
from models.errors import EngineDraining, ModelUnknown
from tests.appliance.cluster.neighbours import HEAD, MEMBER, Beside, beside
from tests.appliance.serving.fakes import Rooms, until
from tests.fakes.stub_engine import serve as serve_stub

PATH = "/v1/chat/completions"
ASK = json.dumps({"model": "m", "messages": [], "stream": False}).encode()
STREAM = ASK.replace(b"false", b"true")
NUMBER = "req_" + "0" * 30


class Box:
    """A serving room with a stub for its engine, among its neighbours."""

    def __init__(self, at: Beside, rooms: Rooms) -> None:
        self.at, self.rooms = at, rooms
        self.serving = rooms.serving
        self.address = at.address
        ground = SimpleNamespace(log=rooms.log, shelf=rooms.shelf)
        go_beyond(self.serving, at.peering, ground, b"k" * 32)

    async def start(self, *models: str) -> None:
        for model in models:
            await self.serving.upstream(model)
        await self.at.peering.start(self.at.membership)
        for model in models:
            await self.at.peering.share(model, "user:it")

    async def serve(self, undo: AsyncExitStack, token_ms: float = 0.0) -> None:
        path = self.rooms.folder / "e"
        path.unlink(missing_ok=True)
        servers, _ = await serve_stub(port=None, uds=path, tokens=5, token_ms=token_ms)
        for server in servers:
            undo.callback(server.close)

    async def ask(self, model: str = "m", body: bytes = ASK) -> dict:
        upstream = self.serving.ready(model)
        assert upstream is not None
        upstream.enter()
        try:
            exchange = await upstream.pool.ask(PATH, body, "key:1")
            assert exchange.status == 200
            return json.loads(await exchange.whole())
        finally:
            upstream.leave()

    async def close(self) -> None:
        for engine in self.rooms.maker.made:
            engine.idle.set()  # a test that failed half way must not wait for its own requests
        await self.rooms.close()

    def tags(self) -> list[str]:
        return self.rooms.log.tags("cluster:peer:")


@asynccontextmanager
async def boxes(folder, token_ms: float = 0.0):
    async with AsyncExitStack() as undo, beside(folder) as places:
        made = []
        for at in places:
            place = folder / f"at-{at.address}"
            place.mkdir()
            box = Box(at, Rooms(place, 100, m=60, a=30))
            undo.push_async_callback(box.close)
            await box.serve(undo, token_ms)
            made.append(box)
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(peering, "ANNOUNCE_S", 0.02)


@pytest.fixture
async def pair(tmp_path):
    async with boxes(tmp_path) as both:
        yield both


async def both_ready(one: Box, two: Box) -> None:
    await one.start("m")
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER] and two.at.offers("m") == [HEAD])


async def test_without_neighbours_the_engine_itself_is_asked(pair) -> None:
    one, _ = pair
    upstream = await one.serving.upstream("m")
    assert one.serving.beyond is None
    assert one.serving.ready("m") is upstream
    # A cluster of one costs as little.
    await one.at.peering.start(one.at.membership)
    await until(lambda: one.at.peering.listening)
    assert one.serving.beyond is None


async def test_requests_are_spread_and_both_boxes_have_them_on_record(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    held = [one.serving.ready("m") for _ in range(8)]
    for upstream in held:
        upstream.enter()
    # Two slots each: every second request goes next door.
    here = one.rooms.maker.made[0].in_flight
    assert here == 4
    token = REQUEST.set(NUMBER)
    exchanges = [await upstream.pool.ask(PATH, ASK, "key:1") for upstream in held]
    REQUEST.reset(token)
    texts = {(await exchange.whole()) for exchange in exchanges}
    assert len(texts) == 1
    for upstream in held:
        upstream.leave()
    assert one.tags() == ["cluster:peer:ask"] * 4
    assert two.tags() == ["cluster:peer:serve"] * 4
    asked, served = one.rooms.log.events[-1], two.rooms.log.events[-1]
    assert (asked.subject, asked.request_id, asked.details["model"]) == (MEMBER, NUMBER, "m")
    assert (served.actor, served.request_id) == (f"peer:{HEAD}", NUMBER)
    assert asked.details["digest"] == served.details["digest"] == held[0].digest
    await until(lambda: two.rooms.maker.made[0].in_flight == 0)
    assert one.rooms.maker.made[0].in_flight == 0
    assert one.serving.traffic.in_flight == 0


async def test_a_box_asks_for_what_only_its_neighbour_has(pair) -> None:
    one, two = pair
    del one.rooms.shelf.sizes["a"]
    await one.start()
    await two.start("a")
    await until(lambda: one.serving.beyond is not None)
    assert (await one.ask("a"))["choices"][0]["finish_reason"] == "length"
    upstream = one.serving.ready("a")
    assert (upstream.model, upstream.engine, upstream.context) == ("a", "llama.cpp", 512)
    assert one.rooms.loaded() == set()
    assert one.serving.beyond.book.askable() == ("a",)
    two.at.peering._leaving = True
    await until(lambda: one.serving.beyond is None)
    with pytest.raises(ModelUnknown):
        await one.serving.upstream("a")


async def test_a_neighbour_that_rests_is_told_apart_from_an_unknown_model(pair) -> None:
    one, two = pair
    del one.rooms.shelf.sizes["a"]
    await one.start()
    await two.start("a")
    await until(lambda: one.serving.beyond is not None)
    one.at.peering.hearing.book.failed(MEMBER)
    with pytest.raises(ReplicasGone):
        await one.serving.upstream("a")
    with pytest.raises(ModelUnknown):
        await one.serving.upstream("nobody-has-it")


async def test_a_request_moves_on_when_the_neighbour_dies_before_the_first_byte(
    tmp_path,
) -> None:
    async with boxes(tmp_path, token_ms=100) as (one, two):
        await both_ready(one, two)
        asking = [asyncio.create_task(one.ask()) for _ in range(6)]
        await until(lambda: two.rooms.maker.made[0].in_flight == 3)
        for connection in list(two.at.peering._door._runner.server.connections):
            connection.transport.abort()
        await two.at.peering.stop()
        answers = await asyncio.gather(*asking)
        assert all(answer["choices"] for answer in answers)
        assert two.tags()
        assert one.at.offers("m") == []  # it rests until it is heard of again
        # It comes back, and is asked again.
        await two.at.peering.start(two.at.membership)
        await until(lambda: one.at.offers("m") == [MEMBER])


async def test_a_request_moves_next_door_when_this_box_s_engine_dies(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    (one.rooms.folder / "e").unlink()  # nobody listens there any more
    answers = await asyncio.gather(*(one.ask() for _ in range(6)))
    assert len(answers) == 6
    assert two.tags() == ["cluster:peer:serve"] * 6


async def test_a_request_is_put_to_one_other_and_no_more(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    for box in (one, two):
        (box.rooms.folder / "e").unlink()
    with pytest.raises(EngineGone):
        await one.ask()
    assert one.serving.traffic.in_flight == 0
    assert one.rooms.maker.made[0].in_flight == 0


async def test_a_stream_that_breaks_next_door_breaks_here(tmp_path) -> None:
    async with boxes(tmp_path, token_ms=200) as (one, two):
        await one.start()
        await two.start("m")
        await until(lambda: one.at.offers("m") == [MEMBER])
        upstream = one.serving.ready("m")
        upstream.enter()
        exchange = await upstream.pool.ask(PATH, STREAM, "key:1")
        assert (exchange.status, b"data:" in await exchange.more()) == (200, True)
        # The engine hangs up; no half of an answer may pass for a whole one.
        for connection in list(two.serving.residency.residents["m"].pool._all):
            connection.close()
        with pytest.raises(EngineGone):
            await exchange.whole()
        upstream.leave()


async def test_who_hangs_up_here_stops_the_engine_there(tmp_path) -> None:
    async with boxes(tmp_path, token_ms=200) as (one, two):
        await one.start()
        await two.start("m")
        await until(lambda: one.at.offers("m") == [MEMBER])
        upstream = one.serving.ready("m")
        upstream.enter()
        exchange = await upstream.pool.ask(PATH, STREAM, "key:1")
        await exchange.more()
        exchange.abort()
        upstream.leave()
        await until(lambda: two.rooms.maker.made[0].in_flight == 0)
        assert two.serving.residency.residents["m"].pool.in_flight == 0


async def test_a_draining_neighbour_costs_a_request_nothing(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    one.rooms.maker.made[0].in_flight += 50  # this box is busy
    two.at.peering._leaving = True
    two.at.peering.hearing.members = {}  # and the neighbour tells nobody
    assert (await one.ask())["choices"]
    assert two.tags() == []
    assert one.at.peering.hearing.book.peers()[0].failures == 0
    one.rooms.maker.made[0].in_flight -= 50


async def test_nothing_is_answered_for_a_neighbour_without_a_record(pair) -> None:
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    two.rooms.log.error = AuditUnavailable(reason="disk full")
    with pytest.raises(EngineGone):
        await one.ask()
    two.rooms.log.error = None
    await until(lambda: one.at.offers("m") == [MEMBER])
    assert (await one.ask())["choices"]


async def test_another_model_under_the_same_name_is_not_asked(pair) -> None:
    one, two = pair
    two.rooms.shelf.digests["m"] = "f" * 64
    await both_ready(one, two)
    mine = one.serving.residency.residents["m"].offer(None, one.serving.traffic)
    assert one.serving.ready("m") is mine


async def test_a_served_name_is_shared_with_its_targets(pair) -> None:
    one, two = pair
    await two.serving.upstream("m")
    await two.serving.upstream("a")
    await two.serving.deployments.apply(
        "ward", (Target("m", None, 50), Target("a", None, 50)), "user:it"
    )
    await one.start()
    await two.start()
    await two.at.peering.share("ward", "user:it")
    await until(lambda: one.serving.beyond is not None)
    assert [one.serving.ready("ward").model for _ in range(4)] == ["m", "a", "m", "a"]
    assert (await one.ask("ward"))["choices"]
    assert one.serving.beyond.book.askable() == ("a", "m", "ward")
    with pytest.raises(ModelUnknown):
        await two.at.peering.share("no-such", "user:it")


async def test_adapters_and_salts_are_added_where_the_engine_is(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    heard = []
    resident = two.serving.residency.residents["m"]
    resident.engine = "vllm"
    resident.hang_up()
    offered = resident.offer(None, two.serving.traffic, b"k" * 32)
    inner = offered.pool.ask

    async def spy(path, body, asker="", *, patient=False):
        heard.append((json.loads(body), asker))
        return await inner(path, body, asker, patient=patient)

    offered.pool.ask = spy
    # Another engine is no replica of this box's own: this one is asked for nothing.
    await until(lambda: one.at.peering.hearing.book.fit("m", None)[0].offer.engine == "vllm")
    await one.serving.residency.end("m")
    assert (await one.ask())["choices"]
    body, asker = heard[0]
    assert asker == f"peer:{HEAD}"
    first = body["cache_salt"]
    upstream = one.serving.ready("m")
    upstream.enter()
    await (await upstream.pool.ask(PATH, ASK, "key:2")).whole()
    upstream.leave()
    assert heard[1][0]["cache_salt"] != first


async def test_a_silent_neighbour_is_given_up(pair, monkeypatch) -> None:
    monkeypatch.setattr(replicas, "SILENT_S", 0.4)
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    two.at.peering.hearing.members = {}
    two.at.membership = None
    two.at.peering._task.cancel()  # it hangs: its door is open, and it says nothing more
    await until(lambda: one.serving.beyond is None)


async def test_an_engine_on_its_way_out_is_not_lent(pair) -> None:
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    upstream = one.serving.ready("m")
    upstream.enter()
    await two.serving.residency.end("m")
    with pytest.raises(EngineDraining):
        await upstream.pool.ask(PATH, ASK, "key:1")
    upstream.leave()
    await until(lambda: one.serving.beyond is None)
