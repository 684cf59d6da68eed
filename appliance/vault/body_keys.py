"""The keys of bodies: of the day they are of, and of the patient whom their request names."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from appliance.bodies.errors import PatientInvalid
from appliance.bodies.sealing import day_of, key_of
from appliance.bodies.shape import KEPT, NOTHING, Forgotten, NotKept, Seal
from appliance.errors import ApplianceError
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import PATIENT, PERIOD, SubjectKeys
from secure_compute.errors import SecureComputeError
from secure_compute.secret import Secret, scrub

MOST_CHARS: Final = 128
_ROOM: Final = 1024
_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class BodyRules:
    """Whose bodies are kept, for how many days, and how many bytes of each text."""

    whose: Literal["all", "patients", "none"] = "all"
    days: int = 183
    limit: int = 1_048_576


def judge_patient(patient: str) -> str:
    """Pass an identifier of a patient. Raises PatientInvalid."""
    if not 1 <= len(patient) <= MOST_CHARS or patient != patient.strip():
        raise PatientInvalid
    if not patient.isprintable():
        raise PatientInvalid
    return patient


class BodyKeys:
    """Decides what a request's body is sealed with, and opens what wraps a body's key.

    What was decided is remembered, so that the requests of a day and of a patient under treatment cost
    one look at the database in all.

    Args:
        subjects: keys of days and patients.
        rules: whose bodies are kept.
        short: whether the disk is too short to keep any.
    """

    def __init__(
        self, subjects: SubjectKeys, rules: BodyRules, short: Callable[[], bool] = lambda: False
    ) -> None:
        self.rules: Final = rules
        self._subjects = subjects
        self._short = short
        self._lock = Lock()
        self._known: dict[tuple[int, str | None], Seal] = {}

    def ready(self, receipt: str, patient: str | None) -> Seal | None:
        """What is decided already; None when `seal` has to look. Never waits."""
        seal = self._known.get((day_of(receipt), patient))
        return None if seal is None else self._now(seal)

    def seal(self, receipt: str, patient: str | None) -> Seal:
        """What the body of a receipt is sealed with; makes keys, and may wait for the disk.

        Args:
            receipt: the request's receipt, which tells its day.
            patient: as the request names them, or None.

        Raises:
            PatientInvalid: no such identifier can be.
            VaultLocked: the vault was locked meanwhile.
        """
        if patient is not None:
            judge_patient(patient)
        day = day_of(receipt)
        with self._lock:
            seal = self._known.get((day, patient))
            if seal is None:
                seal = self._made(day, patient)
                if seal.state != _FAILED:
                    self._remember(day, patient, seal)
        return self._now(seal)

    def opening(self, receipt: str, patient: str | None) -> Secret | Forgotten | NotKept:
        """The key above a body's own, for the caller to wipe; or why there is none any more.

        Args:
            receipt: of the entry.
            patient: pseudonym in the entry, or None.
        """
        try:
            day = self._subjects.named(PERIOD, self._subjects.name(PERIOD, str(day_of(receipt))))
        except (SubjectErased, SubjectUnknown):
            return self._gone(patient) or NotKept("expired")
        with day:
            if patient is None:
                return key_of(day, None)
            try:
                with self._subjects.named(PATIENT, patient) as key:
                    return key_of(day, key)
            except SubjectErased as error:
                return Forgotten(patient, _when(error))
            except SubjectUnknown:
                return NotKept("missing")

    def forget(self) -> None:
        """Decide everything anew from now on: keys were destroyed."""
        with self._lock:
            self._known.clear()

    def wipe(self) -> None:
        """Overwrite what is remembered; no body is on its way any more."""
        with self._lock:
            for seal in self._known.values():
                scrub(seal.key)
            self._known.clear()

    def _gone(self, patient: str | None) -> Forgotten | None:
        if patient is None:
            return None
        try:
            self._subjects.named(PATIENT, patient).wipe()
        except SubjectErased as error:
            return Forgotten(patient, _when(error))
        except SubjectUnknown:
            return None
        return None

    def _now(self, seal: Seal) -> Seal:
        """As decided, but without a key while the disk is short."""
        if seal.key and self._short():
            return Seal(patient=seal.patient, state="low-space")
        return seal

    def _made(self, day: int, patient: str | None) -> Seal:
        rules = self.rules
        name = None if patient is None else self._subjects.name(PATIENT, patient)
        if rules.whose == "none" or (rules.whose == "patients" and name is None):
            return NOTHING if name is None else Seal(patient=name)
        try:
            with self._subjects.key(PERIOD, str(day)) as of_day:
                return self._under(of_day, patient, name)
        except SubjectErased:
            # The clock has gone back to a day that is over.
            return Seal(patient=name)
        except (ApplianceError, SecureComputeError, OSError):
            # A key that cannot be made holds no answer up; its entry says that no body is kept.
            return Seal(patient=name, state=_FAILED)

    def _under(self, day: Secret, patient: str | None, name: str | None) -> Seal:
        if patient is None:
            with key_of(day, None) as key:
                return Seal(key.reveal(), None, KEPT, self.rules.limit)
        try:
            with self._subjects.key(PATIENT, patient) as own, key_of(day, own) as key:
                return Seal(key.reveal(), name, KEPT, self.rules.limit)
        except SubjectErased:
            # Of a patient who was forgotten nothing is kept any more.
            return Seal(patient=name, state="forgotten")

    def _remember(self, day: int, patient: str | None, seal: Seal) -> None:
        if len(self._known) >= _ROOM:
            # Not overwritten: a body with one of these keys may be on its way.
            self._known.clear()
        self._known[day, patient] = seal


def _when(error: SubjectErased) -> int:
    at = error.facts.get("at")
    return at if isinstance(at, int) else 0
