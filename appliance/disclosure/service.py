"""Reading bodies, on the record; ending them by age, and for good when a patient is forgotten."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit.event import Entry, Event
from appliance.audit.events_bodies import (
    bodies_expire,
    bodies_resume,
    bodies_stop,
    body_read,
    patient_forget,
)
from appliance.audit.query import Query
from appliance.bodies.errors import BodyDamaged, BodyForgotten, BodyNotKept
from appliance.bodies.reading import BodyReader
from appliance.bodies.sealing import DAY_MS
from appliance.bodies.shape import Forgotten, Found, Kept
from appliance.bodies.store import BodyStore
from appliance.errors import ApplianceError, AuditEntryUnknown
from appliance.jobs.schedule import Schedules
from appliance.vault.body_keys import BodyKeys, judge_patient
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import PATIENT, PERIOD, SubjectKeys

_NIGHTLY: Final = "10 3 * * *"
_RECORD_S: Final = 30.0
_BREATH_S: Final = 0.02
_BEHIND: Final = 400
"""Days before the oldest one kept that are looked at again: nothing runs on a box that is off."""

_DAY_S: Final = DAY_MS // 1000
_WHY: Final[Mapping[str, tuple[str, str]]] = {
    "none": ("未设置保存", "none was to be kept"),
    "forgotten": ("患者此前已被遗忘", "its patient had been forgotten before"),
    "low-space": ("当时磁盘空间不足", "the disk was short of space"),
    "failed": ("当时无法写入", "it could not be written"),
    "expired": ("保存期已过,密钥已销毁", "its days are over and its keys destroyed"),
    "missing": ("正文不在数据库中", "it is not in the database"),
}


class Log(Protocol):
    """The part of the audit log that this room needs."""

    @property
    def reader(self) -> "Entries":
        """The entries."""
        ...

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Entries(Protocol):
    """The part of reading the log that this room needs."""

    def entry(self, index: int) -> Entry:
        """One entry. Raises AuditEntryUnknown."""
        ...

    def search(self, query: Query) -> list[Entry]:
        """The newest entries that meet a query, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A body and the entry that it stands behind."""

    entry: Entry
    body: Kept


class Disclosure:
    """The bodies of an open box. Synchronous: every call belongs in the thread pool.

    Args:
        log: the record.
        subjects: the keys of patients and days.
        keys: what bodies are sealed with.
        place: the database of bodies, and what gives its key.
        clock: Unix time in seconds.
        short: whether the disk is too short to keep bodies.
    """

    def __init__(
        self,
        log: Log,
        subjects: SubjectKeys,
        keys: BodyKeys,
        place: tuple[Path, Callable[[], bytes]],
        clock: Callable[[], float],
        short: Callable[[], bool] = lambda: False,
    ) -> None:
        self._log = log
        self.subjects: Final = subjects
        self.keys: Final = keys
        self._path, self._key = place
        self._reader = BodyReader(self._path, self._key, keys)
        self._clock = clock
        self._short = short
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether bodies are not kept for want of space."""
        return self._stopped

    def find(self, details: Mapping[str, object]) -> Found:
        """The body behind an entry, for whoever records its reading himself: an export, say.

        Args:
            details: of the entry.
        """
        return self._reader.find(details)

    def standing(self, details: Mapping[str, object]) -> str:
        """What became of the body behind an entry: "kept", "forgotten", or why there is none."""
        found = self._reader.standing(details)
        return "kept" if found is None else _word(found)

    def read(self, actor: str, request_id: str | None, which: int | str) -> Disclosed:
        """Read the body behind an entry. That somebody asked is on record before it is handed over.

        Args:
            actor: who asks.
            request_id: the request that asks.
            which: index of the entry, or its receipt.

        Raises:
            AuditEntryUnknown: there is no such entry.
            BodyForgotten, BodyNotKept, BodyDamaged: there is no such body (any more).
            AuditUnavailable: it cannot be recorded, so it is not read.
        """
        entry = self._entry(which)
        try:
            found = self._reader.find(entry.event.details)
        except BodyDamaged:
            self._note(actor, request_id, entry, "damaged")
            raise
        self._note(actor, request_id, entry, _word(found))
        if isinstance(found, Kept):
            return Disclosed(entry, found)
        if isinstance(found, Forgotten):
            when = datetime.fromtimestamp(found.when, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise BodyForgotten(when=when)
        zh, en = _WHY[found.why]
        raise BodyNotKept(index=entry.index, reason_zh=zh, reason_en=en)

    def erasable(self, family: str, subject: str) -> tuple[str, ...]:
        """Ids of the keys that forgetting would destroy. Raises SubjectUnknown, SubjectErased."""
        if family == PATIENT:
            judge_patient(subject)
        return self.subjects.erasable(family, subject)

    def destroy(self, family: str, subject: str) -> tuple[str, ...]:
        """Destroy the keys of a patient or a dataset; ids of the keys.

        Raises:
            SubjectUnknown, SubjectErased: there is nothing to destroy.
            OSError: the disk refuses; nothing was destroyed.
        """
        try:
            return self.subjects.erase(family, subject)
        finally:
            self.keys.forget()

    def forgotten(self, actor: str, patient: str, certificate: bytes) -> None:
        """Record that a patient was forgotten, and delete what nobody can read any more.

        Args:
            actor: who did it.
            patient: pseudonym of the patient.
            certificate: of the destruction of the keys.
        """
        number = bytes.fromhex(patient)
        try:
            bodies = self._delete(lambda store: store.drop_some_of(number))
        except ApplianceError:
            # Without their keys they are nothing; they go with the days they are of.
            bodies = -1
        digest = f"sha256:{sha256(certificate).hexdigest()}"
        self._record(patient_forget(actor, patient=patient, bodies=bodies, digest=digest))

    def attend(self, schedules: Schedules) -> None:
        """Have the keys of each day at hand before it begins, and end the days that are over."""

        async def off(work: Callable[[], object]) -> None:
            await asyncio.to_thread(work)

        schedules.every("body keys", 3600.0, partial(off, self.prepare))
        schedules.every("bodies", 15.0, partial(off, self.look))
        schedules.cron("old bodies", _NIGHTLY, partial(off, self.expire))

    def prepare(self) -> None:
        """Make the keys of today and tomorrow, so that no request has to wait for them."""
        now = int(self._clock() * 1000)
        for moment in (now, now + DAY_MS):
            self.keys.seal(f"rcp_{moment:012x}", None)

    def expire(self) -> int:
        """Destroy the keys of days that are over, and delete their bodies; how many bodies."""
        last = int(self._clock()) // _DAY_S - self.keys.rules.days
        days = 0
        for day in range(last - _BEHIND, last + 1):
            with suppress(SubjectUnknown, SubjectErased):
                self.subjects.erase(PERIOD, str(day))
                days += 1
        if days:
            self.keys.forget()
        border = ((last + 1) * DAY_MS).to_bytes(6, "big")
        bodies = self._delete(lambda store: store.drop_some_before(border))
        if days or bodies:
            self._record(bodies_expire(days=days, bodies=bodies))
        return bodies

    def look(self) -> None:
        """Note on the record from when to when the disk is too short for bodies."""
        short = self._short() and self.keys.rules.whose != "none"
        if short and not self._stopped:
            self._record(bodies_stop(reason="磁盘空间不足 the disk is short of space"))
        elif self._stopped and not short:
            self._record(bodies_resume(lost=0))
        self._stopped = short

    def close(self) -> None:
        """Close the database and overwrite the keys; after the record is closed."""
        self._reader.close()
        self.keys.wipe()

    def _entry(self, which: int | str) -> Entry:
        entries = self._log.reader
        if isinstance(which, int):
            return entries.entry(which)
        found = entries.search(Query(receipt=which, limit=1))
        if not found:
            shown = which[:40] if which.isprintable() else "?"
            raise AuditEntryUnknown(what=f"收据 {shown} receipt {shown}")
        return found[-1]

    def _delete(self, some: Callable[[BodyStore], int]) -> int:
        """Delete little by little: whoever waits for the record waits for none of it."""
        if not self._path.exists():
            return 0
        store = BodyStore.create(self._path, self._key(), self._moment)
        try:
            total = 0
            while count := some(store):
                total += count
                time.sleep(_BREATH_S)
            return total
        finally:
            store.close()

    def _note(self, actor: str, request_id: str | None, entry: Entry, found: str) -> None:
        details = entry.event.details
        receipt, patient = details.get("receipt"), details.get("patient")
        self._record(
            body_read(
                actor,
                request_id,
                receipt=receipt if isinstance(receipt, str) else "",
                index=entry.index,
                patient=patient if isinstance(patient, str) else None,
                found=found,
            )
        )

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _record(self, event: Event) -> None:
        self._log.append(event).result(_RECORD_S)


def _word(found: Found) -> str:
    if isinstance(found, Kept):
        return "kept"
    return "forgotten" if isinstance(found, Forgotten) else found.why
