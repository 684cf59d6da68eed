"""Places at an engine: taken by a count, waited for in a fair line, given up at once by who leaves."""

import asyncio

import pytest

from appliance.access.errors import AccessRefused
from appliance.serving.places import Places
from models.errors import EngineDraining


class Crowd:
    """Askers of places, and the order in which they got them."""

    def __init__(self, width: int, most: int = 64) -> None:
        self.places = Places(width, most)
        self.order: list[str] = []
        self.tasks: list[asyncio.Task] = []

    async def come(self, asker: str) -> asyncio.Task:
        async def take() -> None:
            if self.places.free > 0:
                self.places.free -= 1
            else:
                await self.places.turn(asker, b"{}", patient=False)
            self.order.append(asker)

        task = asyncio.create_task(take())
        self.tasks.append(task)
        await asyncio.sleep(0)
        return task

    async def serve(self, times: int = 1) -> None:
        for _ in range(times):
            self.places.vacate()
            await asyncio.sleep(0)


async def test_free_places_are_taken_without_a_line():
    crowd = Crowd(2)
    await crowd.come("a")
    await crowd.come("b")
    assert (crowd.order, crowd.places.free, crowd.places.waiting) == (["a", "b"], 0, 0)
    await crowd.serve(2)
    assert crowd.places.free == 2


async def test_turns_go_round():
    crowd = Crowd(1)
    for asker in "aaaabb":
        await crowd.come(asker)
    await crowd.serve(5)
    assert crowd.order == list("aababa")
    assert crowd.places.free == 0
    await crowd.serve()
    assert crowd.places.free == 1


async def test_who_leaves_gives_its_place_in_the_line_up_at_once():
    crowd = Crowd(1)
    for asker in "abc":
        await crowd.come(asker)
    crowd.tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await crowd.tasks[1]
    assert crowd.places.waiting == 1
    await crowd.serve()
    assert crowd.order == ["a", "c"]


async def test_a_turn_that_comes_to_one_who_is_leaving_goes_on_to_the_next():
    crowd = Crowd(1)
    for asker in "abc":
        await crowd.come(asker)
    # Both orders within one step of the loop: gone before the turn, and after it.
    crowd.tasks[1].cancel()
    crowd.places.vacate()
    await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert crowd.order == ["a", "c"]
    late = await crowd.come("d")
    last = await crowd.come("e")
    crowd.places.vacate()
    late.cancel()
    await asyncio.gather(late, last, return_exceptions=True)
    assert crowd.order == ["a", "c", "e"]
    await crowd.serve()
    assert crowd.places.free == 1


async def test_turning_away_wakes_everybody_and_takes_nobody_more():
    crowd = Crowd(1)
    for asker in "abc":
        await crowd.come(asker)
    crowd.places.turn_away(EngineDraining)
    told = await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert [type(one) for one in told] == [type(None), EngineDraining, EngineDraining]
    assert told[1] is not told[2]
    with pytest.raises(EngineDraining):
        await crowd.places.turn("d", b"{}", patient=False)
    await crowd.serve()
    assert crowd.places.free == 1


async def test_whoever_waits_for_somebody_gone_ends_at_once_and_the_line_stays_in_order():
    crowd = Crowd(width=0)
    for asker in ("key:a", "key:b", "key:a", "key:c", "key:b", "key:a"):
        await crowd.come(asker)
    patient = asyncio.create_task(crowd.places.turn("key:a", b"{}", patient=True))
    await asyncio.sleep(0)
    crowd.places.dismiss(lambda asker: asker == "key:a", AccessRefused)
    ended = await asyncio.gather(*crowd.tasks[::2][:1], patient, return_exceptions=True)
    assert all(isinstance(one, AccessRefused) for one in ended)
    assert crowd.places.waiting == 3
    for _ in range(3):
        crowd.places.vacate()
        await asyncio.sleep(0)
    assert crowd.order == ["key:b", "key:c", "key:b"]
    ends = await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert sum(isinstance(one, AccessRefused) for one in ends) == 3
    crowd.places.vacate()
    assert (crowd.places.free, crowd.places.waiting) == (1, 0)
    # Nobody is kept out who comes again under a new key.
    crowd.places.free = 0
    late = await crowd.come("key:d")
    crowd.places.vacate()
    await late
    assert crowd.order[-1] == "key:d"
