"""Times: what runs every so often or at an hour of the night, on APScheduler's asyncio scheduler."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from typing_extensions import override

_GRACE_S: Final = 3600


class _LocalZone(tzinfo):
    """The machine's zone, with the offset that holds at each moment: summer time comes and goes."""

    @override
    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        if dt is None:
            return timedelta(seconds=time.localtime().tm_gmtoff)
        return dt.replace(tzinfo=None).astimezone().utcoffset()

    @override
    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    @override
    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    @override
    def fromutc(self, dt: datetime) -> datetime:
        there = dt.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=self)
        # Where a clock is put back an hour comes twice; the second one is told by its fold.
        return local if local.utcoffset() == there.utcoffset() else local.replace(fold=1)


def local_zone() -> tzinfo:
    """Return the machine's zone; a hospital's night is a local one, in summer and in winter."""
    return _LocalZone()


class Schedules:
    """Recurring work of the box. One run of each at a time; missed ones are run once, not many times.

    Args:
        zone: Time zone of cron times; the machine's when left out.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone or local_zone()
        self._scheduler = AsyncIOScheduler(timezone=self._zone)

    def every(self, name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` every `seconds` seconds, the first time after that long."""
        trigger = IntervalTrigger(seconds=seconds, timezone=self._zone)
        self._add(name, trigger, work)

    def cron(self, name: str, when: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` at cron times ("30 3 * * *": half past three every night)."""
        self._add(name, CronTrigger.from_crontab(when, timezone=self._zone), work)

    def once(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` once, as soon as the schedules start."""
        self._add(name, DateTrigger(timezone=self._zone), work)

    def names(self) -> list[str]:
        """Return what is scheduled."""
        return [job.id for job in self._scheduler.get_jobs()]

    def start(self) -> None:
        """Begin; called on the event loop that the work runs on."""
        self._scheduler.start()

    def close(self) -> None:
        """Stop; work under way goes on to its end."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _add(self, name: str, trigger: object, work: Callable[[], Awaitable[object]]) -> None:
        async def told() -> None:
            # What fails is logged by APScheduler's executor, and runs again at its next time.
            await work()

        self._scheduler.add_job(
            told,
            trigger,
            id=name,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=_GRACE_S,
        )
