"""Serving: loading told, dead engines brought back, idle ones let go, text written for the box."""

import asyncio

import pytest

from appliance.access.errors import AccessRefused
from appliance.errors import AuditUnavailable
from appliance.serving.errors import ModelLoading, ModelNotLoaded
from appliance.serving.store import Keeping
from appliance.serving.writing import Written
from models.engines.lifecycle_table import State
from models.errors import EngineDraining, ModelUnknown
from tests.appliance.serving.fakes import until

ASK = [{"role": "user", "content": "x"}]


async def test_a_model_is_verified_once_and_then_ready(rooms):
    serving = rooms.serving
    assert serving.ready(None) is None
    upstream = await serving.upstream(None)
    assert serving.ready("m") is upstream
    assert (upstream.model, upstream.adapter_digest, rooms.shelf.verified) == ("m", None, ["m"])
    assert upstream.tail == b',"cache_prompt":false'
    await asyncio.gather(*(serving.upstream("m") for _ in range(10)))
    assert rooms.maker.starts == ["m"]


async def test_many_who_ask_for_a_cold_model_start_it_once(rooms):
    gate = rooms.maker.gates["a"] = asyncio.Event()
    asking = [asyncio.create_task(rooms.serving.upstream("a")) for _ in range(50)]
    await until(lambda: rooms.maker.starts)
    gate.set()
    assert len({id(upstream) for upstream in await asyncio.gather(*asking)}) == 1
    assert rooms.maker.starts == ["a"]
    assert rooms.shelf.verified == ["a"]


async def test_a_loading_model_tells_how_far_it_is(rooms, monkeypatch):
    monkeypatch.setattr("appliance.serving.service._PATIENCE_S", 0.05)
    gate = rooms.maker.gates["a"] = asyncio.Event()
    task = asyncio.create_task(rooms.serving.load("a", "user:it"))
    await until(lambda: rooms.maker.starts)
    rooms.later(10)
    with pytest.raises(ModelLoading) as told:
        await rooms.serving.upstream("a")
    assert told.value.facts["progress"] == 0.4
    assert told.value.facts["phase"] == "loading"
    assert told.value.facts["retry_after_s"] == 15  # 10 s for 40 %
    picture = (await task, *rooms.serving.pictures())[-1]
    assert (picture.phase, picture.percent, picture.seconds) == ("loading", 40, 10.0)
    gate.set()
    await until(lambda: rooms.serving.ready("a"))
    assert rooms.serving.pictures()[0].phase == "ready"
    event = next(e for e in rooms.log.events if e.tag == "model:engine:load")
    assert (event.actor, event.subject) == ("user:it", "a")


async def test_an_unknown_model_is_unknown_and_leaves_nothing_behind(rooms):
    for name in ("nobody", "x" * 5000, "../etc"):
        with pytest.raises(ModelUnknown):
            await rooms.serving.upstream(name)
    assert rooms.serving.pictures() == ()
    assert rooms.held() == 0


async def test_a_dead_engine_is_not_ready_and_comes_back(rooms):
    first = await rooms.serving.upstream("m")
    rooms.maker.made[0].state = State.FAILED
    assert rooms.serving.ready("m") is None
    assert await rooms.serving.upstream("m") is not first


async def test_text_comes_piece_by_piece_and_then_its_account(stub):
    pieces = [piece async for piece in stub.serving.write("m", ASK, max_tokens=9)]
    assert isinstance(pieces[-1], Written)
    assert "".join(pieces[:-1])
    assert pieces[-1].finish == "length"
    assert stub.maker.made[0].in_flight == 0
    assert stub.serving.traffic.picture().in_flight == 0


async def test_a_listener_that_leaves_stops_the_engine(stub):
    writing = stub.serving.write("m", ASK, max_tokens=9)
    await anext(writing)
    await writing.aclose()
    assert stub.maker.made[0].in_flight == 0


async def test_the_default_model_loads_by_itself(rooms):
    await rooms.serving.start()
    await until(lambda: rooms.serving.default_state() == "ready")
    assert rooms.serving.ready(None) is not None


async def test_idle_models_go_but_not_pinned_or_busy_ones(rooms, monkeypatch):
    monkeypatch.setattr("appliance.serving.service._SWEEP_S", 0.01)
    rooms.serving.keeper._idle_s = 100
    await rooms.serving.start()
    for model in ("m", "a"):
        await rooms.serving.upstream(model)
    await rooms.serving.keep("a", Keeping(pinned=True), "user:it")
    rooms.later(101)
    await asyncio.sleep(0.1)
    assert rooms.loaded() == {"m", "a"}
    upstream = await rooms.serving.upstream("a")
    upstream.enter()
    await rooms.serving.keep("a", Keeping(pinned=False, idle_unload_s=20), "user:it")
    rooms.later(21)
    await asyncio.sleep(0.1)
    assert rooms.loaded() == {"m", "a"}
    upstream.leave()
    await until(lambda: rooms.loaded() == {"m"})
    assert rooms.log.tags("model:engine")[-3:] == [
        "model:engine:pin",
        "model:engine:unpin",
        "model:engine:unload",
    ]


async def test_a_replaced_model_answers_on_until_its_successor_does(rooms, monkeypatch):
    rooms.shelf.sizes["m"] = 30
    monkeypatch.setattr("appliance.serving.service._SWEEP_S", 0.01)
    await rooms.serving.start()
    await rooms.serving.upstream("a")
    gate = rooms.maker.gates["a"] = asyncio.Event()
    rooms.shelf.digests["a"] = "bb" * 32
    await until(lambda: rooms.maker.starts.count("a") == 2)
    assert rooms.serving.ready("a").digest != "bb" * 32, "the old one answers on"
    gate.set()
    await until(lambda: rooms.serving.ready("a").digest == "bb" * 32)
    await until(lambda: len(rooms.maker.running) == 2)
    assert rooms.maker.starts.count("a") == 2, "one successor is enough"


async def test_what_a_person_unloads_rests_until_it_is_asked_for(rooms, monkeypatch):
    monkeypatch.setattr("appliance.serving.service._SWEEP_S", 0.01)
    await rooms.serving.start()
    await until(lambda: rooms.serving.default_state() == "ready")
    await rooms.serving.unload("m", "user:it")
    await asyncio.sleep(0.1)
    assert rooms.loaded() == set()
    with pytest.raises(ModelNotLoaded):
        await rooms.serving.unload("m", "user:it")
    await rooms.serving.upstream(None)
    assert rooms.loaded() == {"m"}


async def test_unloading_waits_for_running_answers_and_takes_nothing_new(rooms):
    upstream = await rooms.serving.upstream("a")
    upstream.enter()
    ending = asyncio.create_task(rooms.serving.unload("a", "user:it"))
    await until(lambda: rooms.maker.made[0].state is State.DRAINING)
    assert rooms.serving.ready("a") is None
    with pytest.raises(EngineDraining):
        upstream.enter()
    assert rooms.held() == 30  # not given back before the process is gone
    upstream.leave()
    await ending
    assert rooms.held() == 0


async def test_pins_survive_a_restart(rooms):
    await rooms.serving.keep("b", Keeping(pinned=True, idle_unload_s=60), "user:it")
    again = rooms.again("m")
    await again.start()
    await until(lambda: rooms.loaded() == {"m", "b"})
    assert again.keeper.of("b") == Keeping(True, 60)
    await again.close()


async def test_without_a_record_nothing_is_lent(rooms):
    rooms.log.error = AuditUnavailable(reason="full")
    with pytest.raises(AuditUnavailable):
        await rooms.serving.upstream("a")
    assert (rooms.held(), rooms.loaded()) == (0, set())


async def test_nothing_starts_once_the_room_is_closed(rooms):
    await rooms.serving.upstream("a")
    await rooms.serving.close()
    with pytest.raises(EngineDraining):
        await rooms.serving.upstream("a")


async def test_who_asked_may_leave_while_an_engine_ends(rooms):
    upstream = await rooms.serving.upstream("a")
    upstream.enter()
    ending = asyncio.create_task(rooms.serving.unload("a", "user:it"))
    await until(lambda: rooms.maker.made[0].state is State.DRAINING)
    ending.cancel()
    upstream.leave()
    await until(lambda: rooms.held() == 0)
    assert rooms.loaded() == set()


async def test_requests_that_wait_for_a_revoked_key_end_whatever_model_they_wait_for(rooms):
    serving, asking = rooms.serving, []
    for model in ("m", "a"):
        pool = (await serving.upstream(model)).pool
        pool._places.free = 0
        asking += [
            asyncio.create_task(pool.ask("/v1/chat/completions", b"{}", asker))
            for asker in ("key:lost", "key:kept")
        ]
        await until(lambda pool=pool: pool.waiting == 2)
    serving.dismiss(lambda asker: asker == "key:lost")
    for ended in asking[::2]:
        with pytest.raises(AccessRefused):
            await ended
    assert [one.queued for one in serving.status()] == [1, 1]
    for waiting in asking[1::2]:
        assert not waiting.done()
        waiting.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert [one.queued for one in serving.status()] == [0, 0]
