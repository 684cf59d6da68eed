"""Responses kept so that a later one can go on from them; only what asked for it is kept."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.audit import events_files as events
from appliance.audit.event import Event
from appliance.batches.errors import ResponseUnknown
from appliance.batches.store import ResponseStore
from appliance.db.database import Db
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import PATIENT

KEPT_S: Final = 30 * 86_400.0
_AUDIT_TIMEOUT_S: Final = 30.0


class Patients(Protocol):
    """The part of the vault that responses about a patient need."""

    def name(self, family: str, subject: str) -> str:
        """The pseudonym of a patient."""
        ...

    def seal(self, family: str, subject: str, content: bytes, aad: bytes = b"") -> bytes:
        """Seal content under the key of a patient. Raises SubjectErased."""
        ...

    def open_named(self, family: str, name: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """Open what `seal` made, by pseudonym. Raises SubjectErased, SubjectUnknown."""
        ...


class Audit(Protocol):
    """The part of the audit log that kept responses need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """One response.

    Attributes:
        id: "resp_..." as the caller knows it.
        turns: The conversation with its answer, JSON, as the dialect made it.
        response: The response as the caller saw it, JSON.
    """

    id: str
    turns: bytes
    response: bytes


class KeptResponses:
    """The kept responses of one box. Synchronous; belongs in the thread pool."""

    def __init__(self, db: Db, audit: Audit, clock: Callable[[], float]) -> None:
        self._store = ResponseStore(db)
        self._audit = audit
        self._clock = clock
        self._patients: Patients | None = None

    def seal_by(self, patients: Patients) -> None:
        """From now on keep what is about a patient under the key of that patient."""
        self._patients = patients

    def keep(self, owner: str, kept: KeptResponse, patient: str | None = None) -> None:
        """Keep a response; call it before the answer leaves.

        Of a patient who was forgotten nothing is kept: whoever asks for it hears that it is unknown.
        """
        row: dict[str, Any] = {"turns": kept.turns, "response": kept.response, "patient": None}
        if patient is not None and self._patients is not None:
            try:
                row = _sealed(self._patients, kept, patient)
            except SubjectErased:
                return
        self._record(events.response_change("keep", owner, response_id=kept.id))
        self._store.keep({"id": kept.id, "owner": owner, "created": self._clock(), **row})

    def get(self, owner: str, response_id: str) -> KeptResponse:
        """Return a response. Raises ResponseUnknown."""
        row = self._store.get(owner, response_id)
        kept = KeptResponse(row["id"], bytes(row["turns"]), bytes(row["response"]))
        if row["patient"] is None:
            return kept
        try:
            return _opened(self._patients, kept, row["patient"])
        except (SubjectErased, SubjectUnknown):
            raise ResponseUnknown(response_id=response_id[:80]) from None

    def delete(self, owner: str, response_id: str) -> None:
        """Forget a response. Raises ResponseUnknown."""
        self._store.get(owner, response_id)
        self._record(events.response_change("delete", owner, response_id=response_id))
        self._store.drop(response_id)

    def part(self, owner: str) -> None:
        """Keep what an owner has from whoever gets the same name: nobody's name holds a slash."""
        self._store.part(owner, f"{owner}/{int(self._clock())}")

    def sweep(self) -> None:
        """Forget what is older than `KEPT_S`."""
        self._store.prune(self._clock() - KEPT_S)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _sealed(patients: Patients, kept: KeptResponse, patient: str) -> dict[str, Any]:
    about = kept.id.encode()
    return {
        "turns": patients.seal(PATIENT, patient, kept.turns, about),
        "response": patients.seal(PATIENT, patient, kept.response, about),
        "patient": patients.name(PATIENT, patient),
    }


def _opened(patients: Patients | None, lying: KeptResponse, name: str) -> KeptResponse:
    if patients is None:
        raise SubjectUnknown(subject=name)
    about = lying.id.encode()
    turns = patients.open_named(PATIENT, name, lying.turns, about)
    return KeptResponse(lying.id, turns, patients.open_named(PATIENT, name, lying.response, about))
