"""Residency: room is made by need and never in vain, failures are remembered, nothing is oversold."""

import asyncio

import pytest

from appliance.serving.errors import ModelFailed, ModelNoRoom
from appliance.serving.eviction import Candidate, choose
from appliance.serving.store import Keeping
from models.card import Bilingual
from models.engines.lifecycle_table import State
from models.errors import DoesNotFit, EngineDraining, EngineFailed, ModelDamaged
from models.planning.reservations import HOST
from tests.appliance.serving.fakes import until

OOM = Bilingual("显存不足", "it ran out of memory")
CRASH = Bilingual("引擎崩溃", "it crashed")


# Room


async def test_the_least_recently_used_idle_model_makes_room(rooms):
    rooms.serving.default = "none"
    for model in ("a", "b"):
        await rooms.serving.upstream(model)
        rooms.later(10)
    rooms.serving.ready("a")
    rooms.later(10)
    await rooms.serving.upstream("m")
    assert rooms.loaded() == {"a", "m"}
    assert rooms.log.tags("model:engine:evict") == ["model:engine:evict"]


async def test_the_default_and_pinned_models_stay_and_the_refusal_names_them(rooms):
    await rooms.serving.upstream("m")
    await rooms.serving.upstream("a")
    await rooms.serving.keep("a", Keeping(pinned=True), "user:it")
    rooms.later(10)
    with pytest.raises(ModelNoRoom) as told:
        await rooms.serving.upstream("b")
    assert "m (host" in told.value.sentence
    assert "a (host" in told.value.sentence
    assert "unpin" in told.value.way_out
    assert rooms.loaded() == {"m", "a"}
    await rooms.serving.keep("a", Keeping(pinned=False), "user:it")
    await rooms.serving.upstream("b")
    assert rooms.loaded() == {"m", "b"}


async def test_a_model_with_running_answers_or_just_asked_is_not_put_out(rooms):
    rooms.serving.default = "none"
    busy = await rooms.serving.upstream("m")
    busy.enter()
    rooms.later(60)
    with pytest.raises(ModelNoRoom):
        await rooms.serving.upstream("large")
    busy.leave()
    rooms.serving.ready("m")
    with pytest.raises(ModelNoRoom):
        await rooms.serving.upstream("large")
    rooms.later(6)
    await rooms.serving.upstream("large")
    assert rooms.loaded() == {"large"}


async def test_unloading_wakes_who_waits_for_a_place(rooms):
    upstream = await rooms.serving.upstream("m")
    places = upstream.pool._places
    places.free = 0
    waiting = [asyncio.create_task(upstream.pool.ask("/x", b"{}", who)) for who in "ab"]
    await until(lambda: upstream.pool.waiting == 2)
    await asyncio.wait_for(rooms.serving.unload("m", "user:it"), 60)
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in told] == [EngineDraining, EngineDraining]


async def test_nobody_is_put_out_in_vain(rooms):
    await rooms.serving.upstream("m")
    await rooms.serving.upstream("a")
    rooms.later(60)
    with pytest.raises(ModelNoRoom):
        await rooms.serving.upstream("large")  # would fit without m only
    with pytest.raises(DoesNotFit):
        await rooms.serving.upstream("huge")
    assert rooms.loaded() == {"m", "a"}


def test_the_fewest_are_chosen_and_a_late_large_one_spares_an_early_small_one():
    small = Candidate("small", {HOST: 10}, 1.0)
    other = Candidate("card", {"nvidia:0": 90}, 0.5)
    large = Candidate("large", {HOST: 90}, 2.0)
    assert choose({HOST: 5}, [large, small, other]) == (small,)
    assert choose({HOST: 60}, [large, small, other]) == (large,)
    assert choose({HOST: 60, "nvidia:0": 1}, [large, other]) == (other, large)
    assert choose({HOST: 101}, [large, small]) is None


async def test_two_that_need_the_same_room_do_not_oversell_it(rooms):
    rooms.serving.default = "none"
    done = await asyncio.gather(
        rooms.serving.upstream("m"), rooms.serving.upstream("large"), return_exceptions=True
    )
    assert sum(isinstance(one, ModelNoRoom) for one in done) == 1
    assert rooms.held() in {60, 90}


async def test_a_willing_job_is_asked_to_yield_and_serving_goes_first(rooms):
    asked = asyncio.Event()
    lease = await rooms.office.take("job_1", "train", {HOST: 80, "cores": 1}, asked.set)
    loading = asyncio.create_task(rooms.serving.upstream("m"))
    await asyncio.wait_for(asked.wait(), 20)
    assert rooms.office.leases()[0].yielding
    assert rooms.loaded() == set()
    await rooms.office.release(lease)
    assert (await loading).model == "m"


async def test_an_unwilling_job_is_not_asked(rooms):
    lease = await rooms.office.take("job_1", "train", {HOST: 80})
    with pytest.raises(ModelNoRoom) as told:
        await rooms.serving.upstream("m")
    assert "job_1" in told.value.sentence
    await rooms.office.release(lease)


async def test_who_waits_for_a_yield_may_be_unloaded(rooms):
    lease = await rooms.office.take("job_1", "train", {HOST: 80}, lambda: None)
    loading = asyncio.create_task(rooms.serving.upstream("m"))
    await until(lambda: rooms.office.leases()[0].yielding)
    await rooms.serving.unload("m", "user:it")
    with pytest.raises(Exception, match="loading"):
        await loading
    await rooms.office.release(lease)


# Failures


async def test_a_failed_load_keeps_its_reason_and_is_not_tried_at_once(rooms):
    rooms.maker.failing["a"] = OOM
    with pytest.raises(EngineFailed):
        await rooms.serving.upstream("a")
    assert rooms.maker.starts == ["a"] * 3
    for _ in range(20):
        with pytest.raises(ModelFailed) as told:
            await rooms.serving.upstream("a")
    assert rooms.maker.starts == ["a"] * 3
    assert "ran out of memory" in told.value.sentence
    assert "smaller quantisation" in told.value.way_out
    assert 0 < told.value.facts["retry_after_s"] <= 15
    assert (rooms.held(), rooms.loaded()) == (0, set())
    picture = rooms.serving.pictures()[0]
    assert (picture.phase, picture.reason.en) == ("failed", told.value.facts["reason_en"])
    assert rooms.log.tags("model:engine") == ["model:engine:fail"]


async def test_the_pause_doubles_and_success_ends_it(rooms):
    rooms.maker.failing["a"] = CRASH
    waits = []
    for _ in range(4):
        with pytest.raises(EngineFailed):
            await rooms.serving.upstream("a")
        waits.append(rooms.serving.pictures()[0].retry_after_s)
        rooms.later(waits[-1] + 1)
    assert waits == [15, 30, 60, 120]
    rooms.maker.failing.clear()
    await rooms.serving.upstream("a")
    assert rooms.serving.residency.failures.get("a") is None


async def test_a_person_may_try_at_once(rooms):
    rooms.maker.failing["a"] = CRASH
    with pytest.raises(EngineFailed):
        await rooms.serving.upstream("a")
    rooms.maker.failing.clear()
    assert (await rooms.serving.load("a", "user:it")).phase == "ready"


async def test_a_changed_manifest_is_tried_without_waiting(rooms):
    rooms.shelf.damaged.add("a")
    with pytest.raises(ModelDamaged):
        await rooms.serving.upstream("a")
    await rooms.serving.residency.sweep()
    with pytest.raises(ModelFailed):
        await rooms.serving.upstream("a")
    rooms.shelf.digests["a"] = "cc" * 32
    rooms.shelf.damaged.clear()
    await rooms.serving.residency.sweep()
    assert (await rooms.serving.upstream("a")).digest == "cc" * 32


async def test_an_engine_that_keeps_dying_gives_its_memory_back(rooms):
    await rooms.serving.upstream("a")
    engine = rooms.maker.made[0]
    engine.state, engine.reason, engine.retry_after_s = State.FAILED, CRASH, 32
    await rooms.serving.residency.sweep()
    assert rooms.held() == 0
    with pytest.raises(ModelFailed):
        await rooms.serving.upstream("a")


async def test_a_fault_of_our_own_ends_as_a_refusal_and_leaves_nothing(rooms):
    rooms.maker.make = lambda *_, **__: 1 / 0
    with pytest.raises(EngineFailed):
        await rooms.serving.upstream("a")
    assert (rooms.held(), rooms.loaded()) == (0, set())
