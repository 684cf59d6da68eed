"""Reading bodies, on the record; ending them for good when a patient is forgotten."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.audit.event import Entry, Event
from appliance.audit.events_bodies import body_read, patient_forget
from appliance.audit.query import Query
from appliance.bodies.errors import BodyDamaged, BodyForgotten, BodyNotKept
from appliance.bodies.reading import BodyReader
from appliance.bodies.shape import Forgotten, Found, Kept
from appliance.bodies.sweeping import Sweeper
from appliance.disclosure.record import RECORD_S, Log
from appliance.disclosure.upkeep import Upkeep
from appliance.errors import ApplianceError, AuditEntryUnknown
from appliance.vault.body_keys import BodyKeys, judge_patient
from appliance.vault.subjects import PATIENT, SubjectKeys

_WHY: Final[Mapping[str, tuple[str, str]]] = {
    "none": ("未设置保存", "none was to be kept"),
    "forgotten": ("患者此前已被遗忘", "its patient had been forgotten before"),
    "low-space": ("当时磁盘空间不足", "the disk was short of space"),
    "failed": ("当时无法写入", "it could not be written"),
    "expired": ("保存期已过,密钥已销毁", "its days are over and its keys destroyed"),
    "missing": ("正文不在数据库中", "it is not in the database"),
}


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
        path, key = place
        self._reader = BodyReader(path, key, keys)
        self._sweeper = Sweeper(path, key, clock)
        self.upkeep: Final = Upkeep(log, keys, subjects, self._sweeper, clock, short)

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
            bodies = self._sweeper.sweep(lambda store: store.drop_some_of(number))
        except ApplianceError:
            # Without their keys they are nothing; they go with the days they are of.
            bodies = -1
        digest = f"sha256:{sha256(certificate).hexdigest()}"
        self._record(patient_forget(actor, patient=patient, bodies=bodies, digest=digest))

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

    def _record(self, event: Event) -> None:
        self._log.append(event).result(RECORD_S)


def _word(found: Found) -> str:
    if isinstance(found, Kept):
        return "kept"
    return "forgotten" if isinstance(found, Forgotten) else found.why
