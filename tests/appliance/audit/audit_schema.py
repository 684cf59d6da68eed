"""The schema of DICOM's audit message (PS3.15 A.5.1) as a table, and a reader that holds XML against it."""

import base64
import re
from xml.etree.ElementTree import Element, fromstring

TOKEN = re.compile(r"\S(?:.*\S)?\Z", re.DOTALL)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
TEXT = re.compile(r".*\Z", re.DOTALL)
CODED = {"csd-code": (1, TOKEN), "codeSystemName": (1, TOKEN), "originalText": (1, TOKEN)} | {
    "displayName": (0, TOKEN)
}


def one_of(*words: object) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(map(str, words)) + r")\Z")


# element -> attributes (required?, pattern), children in order (least, most), text pattern
MANY = 10**6
SCHEMA = {
    "AuditMessage": (
        {},
        [
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        ],
        None,
    ),
    "EventIdentification": (
        {
            "EventActionCode": (0, one_of(*"CRUDE")),
            "EventDateTime": (1, MOMENT),
            "EventOutcomeIndicator": (1, one_of(0, 4, 8, 12)),
        },
        [("EventID", 1, 1), ("EventTypeCode", 0, MANY), ("EventOutcomeDescription", 0, 1)],
        None,
    ),
    "EventID": (CODED, [], None),
    "EventTypeCode": (CODED, [], None),
    "EventOutcomeDescription": ({}, [], TEXT),
    "ActiveParticipant": (
        {
            "UserID": (1, TEXT),
            "AlternativeUserID": (0, TEXT),
            "UserName": (0, TEXT),
            "UserIsRequestor": (1, one_of("true", "false")),
            "NetworkAccessPointID": (0, TOKEN),
            "NetworkAccessPointTypeCode": (0, one_of(*"12345")),
        },
        [("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)],
        None,
    ),
    "RoleIDCode": (CODED, [], None),
    "AuditSourceIdentification": (
        {"AuditEnterpriseSiteID": (0, TOKEN), "AuditSourceID": (1, TOKEN)},
        [("AuditSourceTypeCode", 0, MANY)],
        None,
    ),
    "AuditSourceTypeCode": ({"csd-code": (1, one_of(*"123456789"))}, [], None),
    "ParticipantObjectIdentification": (
        {
            "ParticipantObjectID": (1, TOKEN),
            "ParticipantObjectTypeCode": (0, one_of(*"1234")),
            "ParticipantObjectTypeCodeRole": (0, one_of(*range(1, 27))),
            "ParticipantObjectDataLifeCycle": (0, one_of(*range(1, 16))),
            "ParticipantObjectSensitivity": (0, TOKEN),
        },
        [
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 1, 1),
            ("ParticipantObjectDetail", 0, MANY),
            ("ParticipantObjectDescription", 0, MANY),
        ],
        None,
    ),
    "ParticipantObjectIDTypeCode": (CODED, [], None),
    "ParticipantObjectName": ({}, [], TOKEN),
    "ParticipantObjectDetail": ({"type": (1, TOKEN), "value": (1, TEXT)}, [], None),
    "ParticipantObjectDescription": ({}, [("Encrypted", 0, 1), ("Anonymized", 0, 1)], None),
    "Anonymized": ({}, [], one_of("true", "false")),
}


def complaints(message: bytes) -> list[str]:
    """What is wrong with a message; nothing when it fits."""
    root = fromstring(message)  # noqa: S314  # our own
    found = [] if root.tag == "AuditMessage" else [f"the root is {root.tag}"]
    return found + _inspect(root)


def _inspect(element: Element) -> list[str]:
    attributes, children, text = SCHEMA[element.tag]
    found = [f"{element.tag} has {name}" for name in element.attrib if name not in attributes]
    for name, (needed, pattern) in attributes.items():
        value = element.get(name)
        if (value is None and needed) or (value is not None and not pattern.match(value)):
            found.append(f"{element.tag}.{name} is {value!r}")
    if element.tag == "ParticipantObjectDetail":
        base64.b64decode(element.get("value", "!"), validate=True)
    tags = " ".join(child.tag for child in element) + " "
    order = "".join(f"(?:{name} ){{{least},{most}}}" for name, least, most in children)
    if not re.fullmatch(order, tags if len(element) else ""):
        found.append(f"{element.tag} holds {tags}")
    if not (text.match(element.text or "") if text else not (element.text or "").strip()):
        found.append(f"{element.tag} says {element.text!r}")
    return found + [one for child in element for one in _inspect(child)]
