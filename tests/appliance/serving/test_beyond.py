"""Requests over two boxes: spread by load, moved on when one dies, put to one other at most."""

import asyncio
import json

import pytest

from appliance.cluster import peering
from appliance.cluster.errors import ReplicasGone
from appliance.serving.errors import EngineGone
from appliance.settings.log import REQUEST
from models.errors import ModelUnknown
from tests.appliance.cluster.neighbours import HEAD, MEMBER
from tests.appliance.serving.fakes import until
from tests.appliance.serving.raw_engine import Engine
from tests.appliance.serving.two_boxes import ASK, NUMBER, PATH, STREAM, both_ready, boxes


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(peering, "ANNOUNCE_S", 0.02)


@pytest.fixture
async def pair(tmp_path):
    async with boxes(tmp_path) as both:
        yield both


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


async def test_a_whole_answer_that_breaks_off_next_door_is_asked_for_here(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    begun = asyncio.Event()

    async def breaks_off(writer, _served):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
        await begun.wait()
        return False

    (two.rooms.folder / "e").unlink()
    one.rooms.maker.made[0].in_flight += 50  # this box is busy
    upstream = one.serving.ready("m")
    async with Engine(two.rooms.folder / "e", breaks_off) as engine:
        upstream.enter()
        exchange = await upstream.pool.ask(PATH, ASK, "key:1")
        assert exchange.status == 200
        begun.set()
        with pytest.raises(EngineGone) as broken:
            await exchange.whole()
        assert upstream.pool.moves_on(broken.value)
        assert one.at.offers("m") == []  # it rests
        exchange = await upstream.pool.ask(PATH, ASK, "key:1")
        assert json.loads(await exchange.whole())["choices"]
        assert not upstream.pool.moves_on(broken.value)
        upstream.leave()
        assert len(engine.requests) == 1
    assert (one.tags(), two.tags()) == (["cluster:peer:ask"], ["cluster:peer:serve"])
    await until(lambda: two.rooms.maker.made[0].in_flight == 0)
    assert one.rooms.maker.made[0].in_flight == 50
    assert one.serving.traffic.in_flight == 0
    one.rooms.maker.made[0].in_flight -= 50


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
