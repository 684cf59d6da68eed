"""A full engine over the wire: a key that floods and one that asks now and then, counted in turns."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace

import pytest

from appliance.serving.places import Places
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from models.errors import EngineDraining
from tests.appliance.api.box import MODEL, live_box
from tests.fakes.stub_engine import StubProtocol

CHAT = "/v1/chat/completions"
WIDTH = 2
ROUNDS = 12


def ask(name: str, *, stream: bool = False) -> bytes:
    turn = {"role": "user", "content": f"<{name}>"}
    return json.dumps(
        {"model": MODEL, "messages": [turn], "max_tokens": 4, "stream": stream}
    ).encode()


def name_in(body: bytes) -> str:
    return re.search(rb"<([a-z0-9-]+)>", body).group(1).decode()


class Turns:
    """What reached the engine, in order, and where each request stood when it began to wait."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.order: list[str] = []
        self.joined: dict[str, int] = {}
        generate, turn = StubProtocol._generate, Places.turn

        def arrive(protocol, whole):
            self.order.append(name_in(protocol._body))
            generate(protocol, whole)

        async def wait(places, asker, body, *, patient):
            self.joined[name_in(body)] = len(self.order)
            await turn(places, asker, body, patient=patient)

        patch.setattr(StubProtocol, "_generate", arrive)
        patch.setattr(Places, "turn", wait)

    def waited(self, name: str) -> int:
        """How many others came to the engine while this one waited."""
        return self.order.index(name) - self.joined.get(name, self.order.index(name))


@pytest.fixture
async def narrow(tmp_path):
    """A box whose engine answers two at once, 10 ms each."""
    async with live_box(tmp_path, token_ms=10, tokens=1) as box:
        pool = box.serving.one.pool
        pool.close()
        endpoint = Endpoint(pool.endpoint.uds, "", 0, "", silence_s=60, limit=80, width=WIDTH)
        box.serving.one = replace(box.serving.one, pool=UpstreamPool(endpoint))
        yield box


async def until(check) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


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


def occupy(box) -> None:
    """Take every place."""
    box.serving.one.pool._places.free = 0


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


async def told(asking: asyncio.Task) -> tuple[int, str]:
    async with await asking as answer:
        raw = await answer.read()
        whole = json.loads(raw) if answer.status != 200 else {}
        return answer.status, whole.get("code", "")


async def test_a_revoked_keys_waiting_requests_end_at_once_and_the_others_keep_their_turns(
    narrow, monkeypatch
):
    turns = Turns(monkeypatch)
    occupy(narrow)
    pool = narrow.serving.one.pool
    stolen, other = narrow.make_key("chat"), narrow.make_key("chat")

    def ask_as(key: dict[str, str], name: str, *, stream: bool = False) -> asyncio.Task:
        body = ask(name, stream=stream)
        return asyncio.create_task(narrow.http.post(narrow.url + CHAT, data=body, headers=key))

    doomed, kept = [], []
    for number in range(3):
        doomed.append(ask_as(stolen, f"stolen-{number}", stream=number == 1))
        kept.append(ask_as(other, f"other-{number}"))
        await until(lambda: pool.waiting == len(doomed) + len(kept))
    identity = stolen["Authorization"].removeprefix("Bearer ").partition(".")[0]
    url = f"{narrow.url}/api/v1/keys/{identity}"
    async with narrow.http.delete(url, headers=narrow.bearer) as answer:
        assert answer.status == 204
    # Nobody has had a turn yet: the places are taken still.
    assert [await told(one) for one in doomed] == [(401, "access.refused")] * 3
    assert (pool.waiting, turns.order) == (3, [])
    for _ in range(WIDTH):
        pool._places.vacate()
    assert [await told(one) for one in kept] == [(200, "")] * 3
    assert turns.order == ["other-0", "other-1", "other-2"]
    await until(lambda: not pool.in_flight)
    assert (pool.waiting, pool._places.free) == (0, WIDTH)
    ends = narrow.entries("model:completion:fail")
    assert Counter(one.details["code"] for one in ends) == {"access.refused": 3}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_revoked_while_the_request_comes_in_joins_no_line(narrow, stream):
    occupy(narrow)
    key, begun, revoked = narrow.make_key("chat"), asyncio.Event(), asyncio.Event()

    async def slowly():
        body = ask("slow", stream=stream)
        yield body[:9]
        begun.set()
        await revoked.wait()
        yield body[9:]

    asking = asyncio.create_task(narrow.http.post(narrow.url + CHAT, data=slowly(), headers=key))
    await begun.wait()
    # The box has judged the key once it has taken a request of the same key that came later.
    async with narrow.http.get(f"{narrow.url}/v1/models", headers=key) as answer:
        assert answer.status == 200
    identity = key["Authorization"].removeprefix("Bearer ").partition(".")[0]
    async with narrow.http.delete(
        f"{narrow.url}/api/v1/keys/{identity}", headers=narrow.bearer
    ) as answer:
        assert answer.status == 204
    revoked.set()
    assert await told(asking) == (401, "access.refused")
    assert narrow.serving.one.pool.waiting == 0


async def test_a_disabled_persons_waiting_requests_end_too(narrow):
    occupy(narrow)
    pool, access = narrow.serving.one.pool, narrow.services.access
    access.create_user("wang", "a long passphrase of hers", "clinician")
    session = access.sign_in("wang", "a long passphrase of hers")
    headers = {"Authorization": f"Bearer {session.token}"}
    asking = asyncio.create_task(
        narrow.http.post(narrow.url + CHAT, data=ask("w"), headers=headers)
    )
    await until(lambda: asking.done() or pool.waiting == 1)
    if asking.done():
        pytest.fail(str(await told(asking)))
    url = f"{narrow.url}/api/v1/users/wang"
    async with narrow.http.delete(url, headers=narrow.bearer) as answer:
        assert answer.status == 204, await answer.read()
    assert await told(asking) == (401, "access.refused")
    assert pool.waiting == 0


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
