"""The event stream's memory: resuming, missing, being too slow, being ended."""

import asyncio
from contextlib import aclosing

import pytest

from appliance.telemetry.errors import TooManyFollowers
from appliance.telemetry.hub import MOST_FOLLOWERS, EventHub


def everything(_news) -> bool:
    return True


async def take(stream, count: int):
    return [await asyncio.wait_for(anext(stream), 60) for _ in range(count)]


async def test_a_follower_hears_what_comes_and_a_returning_one_what_it_missed() -> None:
    hub = EventHub(lambda: 1.0)
    hub.tell("engine", "before", {})
    async with aclosing(hub.follow("", everything)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        hub.tell("engine", "m", {"state": "ready"})
        news = await asyncio.wait_for(first, 60)
    assert (news.kind, news.subject) == ("engine", "m")
    hub.tell("job", "j", {"state": "done"})
    async with aclosing(hub.follow(news.id, everything)) as stream:
        (after,) = await take(stream, 1)
    assert after.subject == "j"
    assert hub.followers == 0


@pytest.mark.parametrize("odd", ["0", "zzz", "-", "ffffffff-3", "x-" + "9" * 60, "-5"])
async def test_a_place_that_nobody_knows_is_told_and_begins_with_what_there_is(odd) -> None:
    hub = EventHub(lambda: 1.0)
    hub.tell("vault", "vault", {})
    async with aclosing(hub.follow(odd, everything)) as stream:
        notice, news = await take(stream, 2)
    assert (notice.kind, notice.id, news.kind) == ("missed", "", "vault")


async def test_a_place_in_the_future_or_lost_is_told_too() -> None:
    hub = EventHub(lambda: 1.0, kept=3)
    for n in range(10):
        hub.tell("job", str(n), {})
    async with aclosing(hub.follow("", everything)) as stream:
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        hub.tell("job", "10", {})
        life = (await pending).id.partition("-")[0]
    for lost in (f"{life}-2", f"{life}-99"):
        async with aclosing(hub.follow(lost, everything)) as stream:
            notice, *rest = await take(stream, 4)
        assert notice.kind == "missed"
        assert [one.subject for one in rest] == ["8", "9", "10"]


async def test_a_slow_follower_is_told_and_dropped_and_others_notice_nothing() -> None:
    hub = EventHub(lambda: 1.0, kept=4)
    slow, quick = hub.follow("", everything), hub.follow("", everything)
    waiting = [asyncio.ensure_future(anext(one)) for one in (slow, quick)]
    await asyncio.sleep(0)
    hub.tell("job", "0", {})
    await asyncio.gather(*waiting)
    for n in range(1, 20):
        hub.tell("job", str(n), {})
        assert (await asyncio.wait_for(anext(quick), 60)).subject == str(n)
    assert (await anext(slow)).kind == "dropped"
    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    await quick.aclose()
    assert hub.followers == 0


async def test_only_what_is_wanted_and_only_while_it_may() -> None:
    hub, allowed = EventHub(lambda: 1.0), [True]
    stream = hub.follow("", lambda one: one.kind == "job", lambda: allowed[0])
    pending = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    hub.tell("alert", "1", {})
    hub.tell("job", "j", {})
    assert (await asyncio.wait_for(pending, 60)).kind == "job"
    allowed[0] = False
    assert (await asyncio.wait_for(anext(stream), 60)).kind == "ended"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_there_is_an_end_to_followers() -> None:
    hub = EventHub(lambda: 1.0)
    streams = [hub.follow("", everything) for _ in range(MOST_FOLLOWERS)]
    tasks = [asyncio.ensure_future(anext(one)) for one in streams]
    await asyncio.sleep(0)
    with pytest.raises(TooManyFollowers):
        hub.follow("", everything)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for one in streams:
        await one.aclose()
    assert hub.followers == 0
