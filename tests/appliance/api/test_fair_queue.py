"""A full engine over the wire: a key that floods and one that asks now and then, counted in turns."""

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from appliance.serving.upstream_client import Endpoint, UpstreamPool
from models.errors import EngineDraining
from tests.appliance.api.box import live_box
from tests.appliance.api.full_engine import CHAT, WIDTH, Turns, ask, occupy, told, until

ROUNDS = 12


@pytest.fixture
async def narrow(tmp_path):
    """A box whose engine answers two at once, 10 ms each."""
    async with live_box(tmp_path, token_ms=10, tokens=1) as box:
        pool = box.serving.one.pool
        pool.close()
        endpoint = Endpoint(pool.endpoint.uds, "", 0, "", silence_s=60, limit=80, width=WIDTH)
        box.serving.one = replace(box.serving.one, pool=UpstreamPool(endpoint))
        yield box


async def test_a_flood_of_64_clients_delays_another_key_by_a_few_turns(narrow, monkeypatch):
    box, turns = narrow, Turns(monkeypatch)
    loud, quiet = box.make_key("chat"), box.make_key("chat")
    told, over = Counter(), asyncio.Event()

    async def flood(client: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            body = ask(f"loud-{client}-{number}", stream=client % 2 == 0)
            async with box.http.post(box.url + CHAT, data=body, headers=loud) as answer:
                raw = await answer.read()
                if answer.status == 429:
                    told[json.loads(raw)["code"]] += 1
                    assert int(answer.headers["Retry-After"]) >= 1
                    assert answer.headers["x-ratelimit-remaining-waiting"] == "0"
                    assert int(answer.headers["x-ratelimit-limit-waiting"]) <= 39
                    # A client that does not do as it is told.
                    await asyncio.sleep(0.02)
                else:
                    assert answer.status == 200
                    told["answered"] += 1

    async def now_and_then(client: int) -> None:
        for number in range(ROUNDS):
            body = ask(f"quiet-{client}-{number}")
            async with box.http.post(box.url + CHAT, data=body, headers=quiet) as answer:
                assert answer.status == 200, await answer.read()
                await answer.read()

    flooding = [asyncio.create_task(flood(client)) for client in range(64)]
    try:
        await until(lambda: told["engine.share-full"])
        await asyncio.gather(now_and_then(0), now_and_then(1))
    finally:
        over.set()
        await asyncio.gather(*flooding)
    asked = [name for name in turns.order if name.startswith("quiet")]
    assert len(asked) == 2 * ROUNDS
    assert set(told) == {"answered", "engine.share-full"}
    # Equal requests: behind one of its own and three of the other, and what is just being handed over.
    assert max(map(turns.waited, asked)) <= 4 + WIDTH
    # The flood itself waits for dozens: the turns that it takes are its own.
    assert max(turns.waited(name) for name in turns.order if name in turns.joined) > 20
    pool = box.serving.one.pool
    await until(lambda: not pool.in_flight)
    assert (pool.waiting, pool._places.free) == (0, WIDTH)


async def test_who_hangs_up_while_waiting_is_out_of_the_line(narrow):
    occupy(narrow)
    pool = narrow.serving.one.pool
    for stream in (False, True):
        asking = asyncio.create_task(
            narrow.http.post(
                narrow.url + CHAT, data=ask("gone", stream=stream), headers=narrow.bearer
            )
        )
        await until(lambda: pool.waiting == 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until(lambda: pool.waiting == 0)
    for _ in range(WIDTH):
        pool._places.vacate()
    async with narrow.http.post(
        narrow.url + CHAT, data=ask("next"), headers=narrow.bearer
    ) as answer:
        assert answer.status == 200


async def test_an_engine_that_leaves_tells_those_who_wait(narrow):
    occupy(narrow)
    pool = narrow.serving.one.pool
    asking = [
        asyncio.create_task(
            narrow.http.post(narrow.url + CHAT, data=ask("late"), headers=narrow.bearer)
        )
        for _ in range(3)
    ]
    await until(lambda: pool.waiting == 3)
    pool.turn_away(EngineDraining)
    for answer in await asyncio.gather(*asking):
        assert answer.status == 503
        assert (await answer.json(content_type=None))["code"] == "engine.draining"
        assert answer.headers["Retry-After"]
    # Each has its end on record.
    await until(lambda: len(narrow.entries("model:completion:fail")) == 3)


async def test_a_refusal_for_want_of_places_tells_the_keys_own_limits_too(narrow):
    occupy(narrow)
    made = narrow.make_key("chat", rpm=1000)
    pool = narrow.serving.one.pool
    waiting = [
        asyncio.create_task(narrow.http.post(narrow.url + CHAT, data=ask("w"), headers=made))
        for _ in range(39)
    ]
    await until(lambda: pool.waiting == 39)
    async with narrow.http.post(narrow.url + CHAT, data=ask("x"), headers=made) as answer:
        assert answer.status == 429
        assert answer.headers["x-ratelimit-limit-waiting"] == "39"
        assert answer.headers["x-ratelimit-limit-requests"] == "1000"
        told = await answer.json(content_type=None)
        assert (told["code"], told["error"]["type"]) == ("engine.share-full", "rate_limit_error")
    # Another key still gets in.
    other = asyncio.create_task(
        narrow.http.post(narrow.url + CHAT, data=ask("y"), headers=narrow.bearer)
    )
    await until(lambda: pool.waiting == 40)
    for _ in range(WIDTH):
        pool._places.vacate()
    for answer in await asyncio.gather(*waiting, other):
        assert answer.status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_flood_of_refusals_takes_few_lines_on_the_record_and_all_are_counted(
    narrow, stream
):
    occupy(narrow)
    made = narrow.make_key("chat")
    pool = narrow.serving.one.pool
    waiting = [
        asyncio.create_task(
            narrow.http.post(narrow.url + CHAT, data=ask("w", stream=stream), headers=made)
        )
        for _ in range(39)
    ]
    await until(lambda: pool.waiting == 39)
    before = len(narrow.tags())
    for _ in range(120):
        async with narrow.http.post(
            narrow.url + CHAT, data=ask("x", stream=stream), headers=made
        ) as answer:
            assert answer.status == 429
            await answer.read()
    narrow.services.access.flush()
    counted = narrow.entries("model:completion:turn-away")
    assert sum(one.details["count"] for one in counted) == 120
    (told_of,) = {(one.actor, one.details["code"], one.details["route"]) for one in counted}
    identity = made["Authorization"].removeprefix("Bearer ").partition(".")[0]
    assert told_of == (f"key:{identity}", "engine.share-full", CHAT)
    # One event a second: as many as the flood took seconds, and not one for each request.
    assert len(narrow.tags()) - before == len(counted) < 60
    for _ in range(WIDTH):
        pool._places.vacate()
    for asking in waiting:
        assert (await told(asking))[0] == 200
    accepted = narrow.entries("model:completion:accept")
    assert len(accepted) == (39 if stream else 0)
    assert len(narrow.entries("model:completion:answer")) == 39
