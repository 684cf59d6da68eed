"""Times: work runs again and again, one at a time, and what fails runs again."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger

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


@pytest.fixture(params=["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """A machine in another place of the world."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


def test_the_local_zone_knows_summer_and_winter(zone: ZoneInfo) -> None:
    here = local_zone()
    for hours in range(0, 24 * 366 * 4, 7):
        moment = 1_293_840_000 + hours * 3600 + 1800
        found, right = datetime.fromtimestamp(moment, here), datetime.fromtimestamp(moment, zone)
        assert (found.replace(tzinfo=None), found.fold) == (right.replace(tzinfo=None), right.fold)
        assert found.utcoffset() == right.utcoffset()
        assert found.timestamp() == moment


@pytest.mark.parametrize("when", ["30 1 * * *", "30 2 * * *", "0 3 * * 5", "30 1 1 * *"])
def test_a_night_is_the_same_hour_all_the_year(zone: ZoneInfo, when: str) -> None:
    def runs(where) -> list[float]:
        trigger, last, found = CronTrigger.from_crontab(when, timezone=where), None, []
        now = datetime.fromtimestamp(1_293_840_000, where)
        for _ in range(800 if when.endswith("* * *") else 60):
            last = trigger.get_next_fire_time(last, now)
            found.append(last.timestamp())
            now = last + timedelta(seconds=1)
        return found

    assert runs(local_zone()) == runs(zone)
