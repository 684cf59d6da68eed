"""A full engine over the wire: whoever may no longer ask leaves the line, and the others keep their turns."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from appliance.serving.upstream_client import Endpoint, UpstreamPool
from tests.appliance.api.box import live_box
from tests.appliance.api.full_engine import CHAT, WIDTH, Turns, ask, occupy, told, until


@pytest.fixture
async def narrow(tmp_path):
    """A box whose engine answers two at once, 10 ms each."""
    async with live_box(tmp_path, token_ms=10, tokens=1) as box:
        pool = box.serving.one.pool
        pool.close()
        endpoint = Endpoint(pool.endpoint.uds, "", 0, "", silence_s=60, limit=80, width=WIDTH)
        box.serving.one = replace(box.serving.one, pool=UpstreamPool(endpoint))
        yield box


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
