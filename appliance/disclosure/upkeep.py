"""The upkeep of bodies: keys ahead of their day, an end to days that are over, an eye on the space."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from appliance.audit.event import Event
from appliance.audit.events_bodies import bodies_expire, bodies_resume, bodies_stop
from appliance.audit.query import Query
from appliance.bodies.sealing import DAY_MS
from appliance.bodies.sweeping import Sweeper
from appliance.disclosure.record import RECORD_S, Log
from appliance.jobs.schedule import Schedules
from appliance.vault.body_keys import BodyKeys
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import PERIOD, SubjectKeys

_NIGHTLY: Final = "10 3 * * *"
_STOP: Final = "box:bodies:stop"
_EXPIRE: Final = "box:bodies:expire"
_LOOK_S: Final = 30.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = DAY_MS // 1000
_AT_ONCE: Final = 14
"""Days that end in one night at most."""
_BEHIND: Final = 400
"""Days before the oldest one kept that are looked at again: nothing runs on a box that is off."""


class Upkeep:
    """What happens to bodies by itself. Synchronous: every call belongs in the thread pool.

    Args:
        log: the record.
        keys: what bodies are sealed with.
        subjects: the keys of days.
        sweeper: deletes rows.
        clock: Unix time in seconds.
        short: whether there is no room for bodies.
    """

    def __init__(
        self,
        log: Log,
        keys: BodyKeys,
        subjects: SubjectKeys,
        sweeper: Sweeper,
        clock: Callable[[], float],
        short: Callable[[], bool],
    ) -> None:
        self._log = log
        self._keys = keys
        self._subjects = subjects
        self._sweeper = sweeper
        self._clock = clock
        self._short = short
        self._stopped = self._starved = self._looked = False

    @property
    def stopped(self) -> bool:
        """Whether bodies are not kept at present, for want of space or by a fault."""
        return self._stopped

    def attend(self, schedules: Schedules) -> None:
        """Have the keys of each day at hand before it begins, and end the days that are over."""

        async def off(work: Callable[[], object]) -> None:
            await asyncio.to_thread(work)

        schedules.every("body keys", _HOUR_S, partial(off, self.prepare))
        schedules.every("bodies", _LOOK_S, partial(off, self.look))
        schedules.cron("old bodies", _NIGHTLY, partial(off, self.expire))

    def prepare(self) -> None:
        """Make the keys of today and tomorrow, so that no request has to wait for them."""
        now = int(self._clock() * 1000)
        for moment in (now, now + DAY_MS):
            self._keys.seal(f"rcp_{moment:012x}", None)

    def expire(self) -> int:
        """Destroy the keys of days that are over, and delete their bodies; how many bodies.

        A few at a time, the oldest first: a clock that is years ahead for a night must not take all.
        """
        first = int(self._clock()) // _DAY_S - self._keys.rules.days + 1
        # A clock that stood in 1970 for a while made days of its own.
        over = {*range(max(0, first - _BEHIND), first), *self._sweeper.days_before(first)}
        days = 0
        for day in sorted(over):
            if days == _AT_ONCE:
                first = day
                break
            with suppress(SubjectUnknown, SubjectErased):
                self._subjects.erase(PERIOD, str(day))
                days += 1
        if days:
            self._keys.forget()
        border = (first * DAY_MS).to_bytes(6, "big")
        bodies = self._sweeper.sweep(lambda store: store.drop_some_before(border))
        if days or bodies:
            self._record(bodies_expire(days=days, bodies=bodies))
        return bodies

    def look(self) -> None:
        """Note on the record from when to when there is no room for bodies, and see how it stands."""
        short = self._short() and self._keys.rules.whose != "none"
        stopped = self._stands_stopped()
        if short and not stopped:
            self._record(bodies_stop(reason="空间不足 short of space"))
        elif stopped and not short and (self._starved or not self._looked):
            # What stopped a process that has ended since is told anew by the present one.
            self._record(bodies_resume(lost=0))
            stopped = False
        self._starved, self._looked = short, True
        self._stopped = short or stopped

    def _stands_stopped(self) -> bool:
        found = self._log.reader.search(Query(tag="box:bodies:*", limit=8))
        moves = [entry.event.tag for entry in found if entry.event.tag != _EXPIRE]
        return bool(moves) and moves[0] == _STOP

    def _record(self, event: Event) -> None:
        self._log.append(event).result(RECORD_S)
