"""Times: work runs again and again, one at a time, and what fails runs again."""

import asyncio
from datetime import UTC

import pytest

from appliance.jobs.schedule import Schedules, local_zone


async def test_work_runs_again_even_after_it_failed():
    schedules, runs, twice = Schedules(UTC), [], asyncio.Event()

    async def work():
        runs.append(1)
        if len(runs) == 2:
            twice.set()
        raise ValueError("a bad night")

    schedules.every("often", 0.05, work)
    schedules.start()
    try:
        async with asyncio.timeout(20):
            await twice.wait()
    finally:
        schedules.close()
    assert len(runs) >= 2


async def test_work_at_the_start_runs_once():
    schedules, ran = Schedules(UTC), asyncio.Event()

    async def work():
        ran.set()

    schedules.once("boot", work)
    schedules.start()
    try:
        async with asyncio.timeout(20):
            await ran.wait()
        assert schedules.names() == []
    finally:
        schedules.close()


async def test_names_are_kept_once():
    schedules = Schedules()

    async def work():
        pass

    schedules.cron("night", "30 3 * * *", work)
    schedules.cron("night", "30 4 * * *", work)
    schedules.start()
    assert schedules.names() == ["night"]
    schedules.close()
    schedules.close()


def test_impossible_times_are_refused():
    with pytest.raises(ValueError, match=r"."):
        Schedules().cron("x", "99 99 * * *", asyncio.sleep)
    assert local_zone().utcoffset(None) is not None
