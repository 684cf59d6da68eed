"""Entries as DICOM audit messages: the XML of PS3.15 A.5, which comes down from RFC 3881."""

import re
from base64 import b64encode
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import quoteattr

from appliance.audit.event import Entry
from appliance.audit.rendering.codes import (
    APPLICATION,
    AUDIT_LOG_USED,
    REPORT,
    SECURITY_USER,
    USER,
    Code,
)
from appliance.audit.rendering.meaning import (
    Meaning,
    Source,
    facts_of,
    meaning_of,
    moment,
    thing_of,
)

_RFC_3881: Final = "RFC-3881"
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.:/+=, -]*", re.ASCII)
_ID_TYPES: Final = {
    REPORT: ("9", _RFC_3881, "Report Number"),
    USER: ("11", _RFC_3881, "User Identifier"),
    SECURITY_USER: ("11", _RFC_3881, "User Identifier"),
}
_URI: Final = ("12", _RFC_3881, "URI")
_PATIENT: Final = ("2", _RFC_3881, "Patient Number")
_THING: Final = ("thing", "WardBox", "Identifier in WardBox")


def to_dicom(entry: Entry, source: Source) -> bytes:
    """An entry as one DICOM audit message: UTF-8, on one line, without an XML declaration.

    Args:
        entry: an entry as read back from the log.
        source: the box.
    """
    meaning = meaning_of(entry)
    return (
        "<AuditMessage>"
        f"{_event(meaning, entry)}"
        f"{_participant(meaning, entry)}"
        f"{_source(source)}"
        f"{_patient(meaning)}"
        f"{_thing(meaning, entry, source)}"
        "</AuditMessage>"
    ).encode()


def _event(meaning: Meaning, entry: Entry) -> str:
    head = _attributes(
        EventActionCode=meaning.action,
        EventDateTime=moment(entry),
        EventOutcomeIndicator=str(meaning.outcome),
    )
    kinds = "".join(_coded("EventTypeCode", kind) for kind in meaning.kinds)
    # A type of our own beside DICOM's, so that no two tags look the same to a reader.
    own = _csd("EventTypeCode", (entry.event.tag, "WardBox", meaning.what))
    why = (
        f"<EventOutcomeDescription>{_escaped(meaning.why)}</EventOutcomeDescription>"
        if meaning.why
        else ""
    )
    return (
        f"<EventIdentification{head}>{_coded('EventID', meaning.event)}{kinds}{own}{why}"
        "</EventIdentification>"
    )


def _participant(meaning: Meaning, entry: Entry) -> str:
    actor = entry.event.actor
    name = actor.partition(":")[2]
    head = _attributes(UserID=actor, UserName=name or actor, UserIsRequestor="true")
    role = "" if meaning.person else _coded("RoleIDCode", APPLICATION)
    return f"<ActiveParticipant{head}>{role}</ActiveParticipant>"


def _source(source: Source) -> str:
    head = _attributes(AuditEnterpriseSiteID=source.address, AuditSourceID=source.name)
    return (
        f'<AuditSourceIdentification{head}><AuditSourceTypeCode csd-code="4"/>'
        "</AuditSourceIdentification>"
    )


def _patient(meaning: Meaning) -> str:
    if meaning.patient is None:
        return ""
    head = _attributes(
        ParticipantObjectID=meaning.patient,
        ParticipantObjectTypeCode="1",
        ParticipantObjectTypeCodeRole="1",
    )
    return (
        f"<ParticipantObjectIdentification{head}>{_csd('ParticipantObjectIDTypeCode', _PATIENT)}"
        f"<ParticipantObjectName>{_escaped(meaning.patient)}</ParticipantObjectName>"
        "<ParticipantObjectDescription><Anonymized>true</Anonymized></ParticipantObjectDescription>"
        "</ParticipantObjectIdentification>"
    )


def _thing(meaning: Meaning, entry: Entry, source: Source) -> str:
    if meaning.event == AUDIT_LOG_USED:
        kind, known, name = _URI, source.name, "Security Audit Log"
    else:
        kind, known = _ID_TYPES.get(meaning.role, _THING), thing_of(entry)
        name = known
    head = _attributes(
        ParticipantObjectID=known,
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole=str(meaning.role),
    )
    facts = [("seq", str(entry.index)), *facts_of(entry)]
    if entry.event.request_id:
        facts.append(("request_id", entry.event.request_id))
    details = "".join(
        f'<ParticipantObjectDetail type={_quoted(name_)} value="{b64encode(text.encode()).decode()}"/>'
        for name_, text in facts
    )
    return (
        f"<ParticipantObjectIdentification{head}>{_csd('ParticipantObjectIDTypeCode', kind)}"
        f"<ParticipantObjectName>{_escaped(name)}</ParticipantObjectName>{details}"
        "</ParticipantObjectIdentification>"
    )


def _coded(element: str, code: Code) -> str:
    return _csd(element, (code.value, "DCM", code.meaning))


@lru_cache(1024)
def _csd(element: str, coded: tuple[str, str, str]) -> str:
    code, system, meaning = coded
    told = _attributes(codeSystemName=system, originalText=meaning)
    return f"<{element} csd-code={_quoted(code)}{told}/>"


def _attributes(**values: str) -> str:
    return "".join(f" {name}={_quoted(value)}" for name, value in values.items())


def _quoted(text: str) -> str:
    # Most texts are ids, numbers and base64: a look at them costs less than four replacements.
    return f'"{text}"' if _HARMLESS.fullmatch(text) else quoteattr(_clean(text))


def _escaped(text: str) -> str:
    return _clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clean(text: str) -> str:
    """What XML may hold: most control characters are in no escape allowed either."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "?" for sign in text)
