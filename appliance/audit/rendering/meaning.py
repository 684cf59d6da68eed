"""What an entry of the log means to a reader of healthcare audit: event, action, outcome, people."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from appliance.audit.catalogue import KINDS
from appliance.audit.event import Detail, Entry
from appliance.audit.rendering.codes import (
    ACTIONS,
    APPLICATION_ACTIVITY,
    EXACTLY,
    MINOR,
    PATIENT_RECORD,
    SERIOUS,
    SUBJECTS,
    UNKNOWN,
    Code,
)

SUCCESS: Final = 0
MINOR_FAILURE: Final = 4
SERIOUS_FAILURE: Final = 8
"""Outcomes as DICOM and FHIR both count them."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MEANT: Final = {kind.tag: kind.en for kind in KINDS}
_VAULT_REFUSAL: Final = "vault:root:refuse"
_PEOPLE: Final = frozenset({"user"})


@dataclass(frozen=True, slots=True)
class Source:
    """The box that tells.

    Args:
        name: name of its log, "wardbox/<box id>".
        host: name by which clients reach it; the box id where none is known.
        version: version of its software.
    """

    name: str
    host: str = ""
    version: str = ""

    @property
    def address(self) -> str:
        """A machine name."""
        return self.host or self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Meaning:
    """One entry, understood.

    Args:
        event: the DICOM event.
        kinds: its finer types.
        action: C, R, U, D or E.
        outcome: 0 success, 4 minor failure, 8 serious failure.
        why: why it failed, in a word of the entry; empty otherwise.
        role: the role of the thing that it was done to.
        what: a sentence about this tag.
        patient: pseudonym of the patient concerned, or None.
        person: whether a person acted, rather than a program or the box.
    """

    event: Code
    kinds: tuple[Code, ...]
    action: str
    outcome: int
    why: str
    role: int
    what: str
    patient: str | None
    person: bool


def meaning_of(entry: Entry) -> Meaning:
    """Understand an entry; tags of later versions mean plain activity.

    Args:
        entry: an entry as read back from the log.
    """
    tag, details = entry.event.tag, entry.event.details
    room, _, verb = tag.rpartition(":")
    subject = EXACTLY.get(tag) or SUBJECTS.get(room, UNKNOWN)
    patient = details.get("patient")
    named = patient if isinstance(patient, str) and patient else None
    event = subject.event
    if named is not None and event == APPLICATION_ACTIVITY:
        event = PATIENT_RECORD
    outcome = _outcome(tag, verb, entry)
    return Meaning(
        event=event,
        kinds=subject.kinds,
        action=ACTIONS.get(verb, "E"),
        outcome=outcome,
        why=_why(entry) if outcome else "",
        role=subject.role,
        what=_MEANT.get(tag, tag),
        patient=named,
        person=entry.event.actor.partition(":")[0] in _PEOPLE,
    )


def moment(entry: Entry) -> str:
    """When it was recorded: RFC 3339 with microseconds, UTC."""
    told = (_EPOCH + timedelta(microseconds=entry.time)).isoformat(timespec="microseconds")
    return told.replace("+00:00", "Z")


def thing_of(entry: Entry) -> str:
    """The id of what it was done to: the subject, else receipt, model or request, else the tag."""
    event = entry.event
    for found in (event.subject, event.details.get("receipt"), event.details.get("model")):
        if isinstance(found, str) and found:
            return found
    return event.request_id or event.tag


def facts_of(entry: Entry) -> list[tuple[str, str]]:
    """The details as names and texts; what is absent is left out."""
    return [
        (name, _text(value))
        for name, value in sorted(entry.event.details.items())
        if value is not None and value not in ("", [], {})
    ]


def _text(value: Detail) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_text(item)}" for name, item in sorted(value.items()))
    return str(value)


def _outcome(tag: str, verb: str, entry: Entry) -> int:
    details = entry.event.details
    if verb in SERIOUS or tag == _VAULT_REFUSAL or details.get("ok") is False:
        return SERIOUS_FAILURE
    return MINOR_FAILURE if verb in MINOR else SUCCESS


def _why(entry: Entry) -> str:
    for name in ("code", "reason", "what"):
        found = entry.event.details.get(name)
        if isinstance(found, str) and found:
            return found
    return _MEANT.get(entry.event.tag, entry.event.tag)
