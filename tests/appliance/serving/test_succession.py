"""A model is replaced while it is asked: no accepted request is lost, and each answer names its weights."""

import asyncio
import json
from typing import Self

import pytest

from appliance.serving import resident
from models.card import Bilingual
from models.engines.explain import Failure
from models.errors import EngineFailed
from tests.appliance.serving.fakes import until

ASK = {"model": "a", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5}
CLIENTS = 12
VERSIONS = ("aa" * 32, "bb" * 32, "cc" * 32)


class Crowd:
    """Callers who ask again and again, more than the engine has places for."""

    def __init__(self, box) -> None:
        self.box = box
        self.statuses: list[int] = []
        self.asking = True

    async def caller(self) -> None:
        url = f"{self.box.url}/v1/chat/completions"
        while self.asking:
            async with self.box.http.post(url, json=ASK, headers=self.box.bearer) as answer:
                await answer.read()
                self.statuses.append(answer.status)

    async def __aenter__(self) -> Self:
        self.tasks = [asyncio.create_task(self.caller()) for _ in range(CLIENTS)]
        return self

    async def __aexit__(self, *_) -> None:
        self.asking = False
        await asyncio.gather(*self.tasks)

    async def more(self, count: int = 3 * CLIENTS) -> None:
        """Until so many more were answered."""
        wanted = len(self.statuses) + count
        await until(lambda: len(self.statuses) >= wanted, 60)


async def test_no_request_is_lost_while_a_model_is_replaced(box, rooms):
    rooms.shelf.sizes["m"] = 30
    rooms.shelf.digests["a"] = VERSIONS[0]
    await rooms.serving.upstream("a")
    async with Crowd(box) as crowd:
        await crowd.more()
        for version in VERSIONS[1:]:
            rooms.shelf.digests["a"] = version
            await rooms.serving.residency.refresh("a")
            await crowd.more()
    assert set(crowd.statuses) == {200}
    entries = box.entries("model:completion:answer")
    told = {entry.details["model_digest"] for entry in entries}
    assert told == set(VERSIONS)
    assert len(entries) == len(crowd.statuses)
    assert len(rooms.maker.running) == 1


async def test_a_successor_that_does_not_come_up_costs_nobody_an_answer(box, rooms):
    rooms.shelf.sizes["m"] = 30
    rooms.shelf.digests["a"] = VERSIONS[0]
    await rooms.serving.upstream("a")
    async with Crowd(box) as crowd:
        await crowd.more()
        rooms.shelf.digests["a"] = VERSIONS[1]
        rooms.maker.failing["a"] = Failure("坏", "bad", "broken", Bilingual("换", "swap"))
        with pytest.raises(EngineFailed):
            await rooms.serving.residency.refresh("a")
        rooms.shelf.digests["a"] = VERSIONS[0]
        await crowd.more()
    assert set(crowd.statuses) == {200}


async def test_two_replacements_at_once_are_one_after_the_other(rooms):
    rooms.shelf.sizes["m"] = 30
    await rooms.serving.upstream("a")
    rooms.shelf.digests["a"] = VERSIONS[1]
    await asyncio.gather(*(rooms.serving.residency.refresh("a") for _ in range(3)))
    assert rooms.maker.starts.count("a") == 2
    assert rooms.serving.ready("a").digest == VERSIONS[1]


async def test_who_is_on_the_way_to_the_old_engine_still_gets_a_place(box, rooms, monkeypatch):
    monkeypatch.setattr(resident, "_WAY_S", 0.5)
    await rooms.serving.upstream("a")
    one = rooms.serving.residency.residents["a"]
    upstream = one.offer(None, rooms.serving.traffic)
    await asyncio.wait_for(one.served(), 5)
    # Counted in, and nothing asked of the engine yet.
    upstream.enter()
    waiting = asyncio.create_task(one.served())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    asked = await upstream.pool.ask("/v1/chat/completions", json.dumps(ASK).encode())
    await asyncio.wait_for(waiting, 5)
    await asked.whole()
    # Its answer has come and it is not counted out: that may take as long as its client reads.
    await asyncio.wait_for(one.served(), 5)
    upstream.leave()
