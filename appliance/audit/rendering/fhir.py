"""Entries as FHIR R4 AuditEvent; IHE Basic Audit Log Patterns where the event is what they describe."""

from typing import Any, Final

import orjson

from appliance.audit.event import Entry
from appliance.audit.rendering.codes import (
    APPLICATION,
    DESTINATION_ROLE,
    SOURCE_ROLE,
    Code,
)
from appliance.audit.rendering.meaning import (
    SUCCESS,
    Meaning,
    Source,
    facts_of,
    meaning_of,
    moment,
    thing_of,
)

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
BALP: Final = "https://profiles.ihe.net/ITI/BALP"
TAGS: Final = "urn:wardbox:audit:tag"
_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ROLE_NAMES: Final = {
    3: "Report",
    4: "Domain Resource",
    6: "User",
    11: "Security User Entity",
    13: "Security Resource",
    20: "Job",
}

_RESTFUL: Final = {
    "audit:body:read": "read",
    "batch:run:create": "create",
    "file:content:admit": "create",
    "file:content:delete": "delete",
    "job:run:submit": "create",
    "model:completion:answer": "create",
    "model:response:delete": "delete",
    "model:response:keep": "create",
    "specialist:admission-note:draft": "create",
}
"""Tags that are one REST call that made, read or deleted one thing: what BALP has profiles for."""


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _dcm(code: Code) -> dict[str, str]:
    return _coding(DCM, code.value, code.meaning)


_PARTIES: Final = {
    "create": (_dcm(SOURCE_ROLE), _dcm(DESTINATION_ROLE)),
    "read": (_dcm(DESTINATION_ROLE), _dcm(SOURCE_ROLE)),
    "delete": (
        _dcm(APPLICATION),
        _coding(f"{_HL7}provenance-participant-type", "custodian", "Custodian"),
    ),
}
"""For each interaction how BALP types the client and the server."""

_USERS: Final = {
    "create": _coding(f"{_HL7}v3-ParticipationType", "AUT", "author (originator)"),
    "read": _coding(f"{_HL7}v3-ParticipationType", "IRCP", "information recipient"),
    "delete": _coding(f"{_HL7}v3-ParticipationType", "AUT", "author (originator)"),
}


def to_fhir(entry: Entry, source: Source) -> bytes:
    """An entry as one line of FHIR R4 JSON, without a newline.

    Args:
        entry: an entry as read back from the log.
        source: the box.
    """
    meaning = meaning_of(entry)
    # BALP's patterns are for what succeeded; a failure is told in FHIR's own terms.
    interaction = _RESTFUL.get(entry.event.tag) if meaning.outcome == SUCCESS else None
    return orjson.dumps(
        {
            "resourceType": "AuditEvent",
            "id": str(entry.index),
            **_profile(interaction, meaning),
            **_kind(interaction, meaning, entry),
            "action": meaning.action,
            "recorded": moment(entry),
            "outcome": str(meaning.outcome),
            **({"outcomeDesc": _clean(meaning.why)} if meaning.why else {}),
            "agent": _agents(interaction, meaning, entry, source),
            "source": _source(source),
            "entity": _entities(meaning, entry),
        }
    )


def _profile(interaction: str | None, meaning: Meaning) -> dict[str, Any]:
    if interaction is None:
        return {}
    name = ("Patient" if meaning.patient else "") + interaction.capitalize()
    return {"meta": {"profile": [f"{BALP}/StructureDefinition/IHE.BasicAudit.{name}"]}}


def _kind(interaction: str | None, meaning: Meaning, entry: Entry) -> dict[str, Any]:
    tag = _coding(TAGS, entry.event.tag, _clean(meaning.what))
    if interaction is None:
        return {
            "type": _dcm(meaning.event),
            "subtype": [*(_dcm(kind) for kind in meaning.kinds), tag],
        }
    return {
        "type": _coding(f"{_HL7}audit-event-type", "rest", "Restful Operation"),
        "subtype": [_coding(_INTERACTION, interaction, interaction), tag],
    }


def _agents(
    interaction: str | None, meaning: Meaning, entry: Entry, source: Source
) -> list[dict[str, Any]]:
    actor = entry.event.actor
    who = {"identifier": {"system": "urn:wardbox:actor", "value": _clean(actor)}}
    if interaction is None:
        kind = (
            _coding(f"{_HL7}extra-security-role-type", "humanuser", "human user")
            if meaning.person
            else _dcm(APPLICATION)
        )
        return [{"type": {"coding": [kind]}, "who": who, **_name(actor), "requestor": True}]
    client, server = _PARTIES[interaction]
    agents: list[dict[str, Any]] = [
        {
            "type": {"coding": [client]},
            "who": who,
            "requestor": not meaning.person,
            # The record does not hold addresses of people's machines; FHIR has a word for that.
            "network": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},
        },
        {
            "type": {"coding": [server]},
            "who": _box(source),
            "requestor": False,
            "network": {"address": source.address, "type": "1"},
        },
    ]
    if meaning.person:
        user = {"type": {"coding": [_USERS[interaction]]}, "who": who, **_name(actor)}
        agents.append(user | {"requestor": True})
    return agents


def _name(actor: str) -> dict[str, str]:
    name = _clean(actor.partition(":")[2])
    return {"name": name} if name else {}


def _box(source: Source) -> dict[str, Any]:
    return {"identifier": {"system": "urn:wardbox:box", "value": source.name}, "type": "Device"}


def _source(source: Source) -> dict[str, Any]:
    server = _coding(f"{_HL7}security-source-type", "4", "Application Server")
    return {"site": source.address, "observer": _box(source), "type": [server]}


def _entities(meaning: Meaning, entry: Entry) -> list[dict[str, Any]]:
    role = _coding(f"{_HL7}object-role", str(meaning.role), _ROLE_NAMES[meaning.role])
    details = [
        {"type": name, "valueString": _clean(text)} for name, text in facts_of(entry) if text
    ]
    thing: dict[str, Any] = {
        "what": {"identifier": {"system": "urn:wardbox:thing", "value": _clean(thing_of(entry))}},
        "type": _coding(f"{_HL7}audit-entity-type", "2", "System Object"),
        "role": role,
        **({"detail": details} if details else {}),
    }
    found = [thing]
    if meaning.patient is not None:
        pseudonym = {"system": "urn:wardbox:patient", "value": _clean(meaning.patient)}
        found.append(
            {
                "what": {"type": "Patient", "identifier": pseudonym},
                "type": _coding(f"{_HL7}audit-entity-type", "1", "Person"),
                "role": _coding(f"{_HL7}object-role", "1", "Patient"),
            }
        )
    if entry.event.request_id:
        found.append(
            {
                "what": {"identifier": {"value": _clean(entry.event.request_id)}},
                "type": _coding(f"{BALP}/CodeSystem/BasicAuditEntityType", "XrequestId"),
            }
        )
    return found


def _clean(text: str) -> str:
    """What a FHIR string may hold: no control characters, and never nothing."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text.strip() or "-"
