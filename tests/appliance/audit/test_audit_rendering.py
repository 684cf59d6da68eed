"""Entries as FHIR, DICOM and CEF: every tag, hostile texts, held against the rules of each format."""

import json
import os
import re
from base64 import b64decode
from itertools import product
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from appliance.audit.catalogue import KINDS
from appliance.audit.event import Entry, Event
from appliance.audit.rendering.cef import to_cef
from appliance.audit.rendering.codes import ACTIONS, EXACTLY, SUBJECTS
from appliance.audit.rendering.dicom import to_dicom
from appliance.audit.rendering.fhir import BALP, to_fhir
from appliance.audit.rendering.meaning import Source, meaning_of
from tests.appliance.audit.audit_schema import complaints
from tests.appliance.audit.balp import Profiles

BOX = Source("wardbox/box-7", "box.example.org", "1.2.0")
TAGS = [kind.tag for kind in KINDS]
HOSTILE = 'a"b<c>&|\\=\n\r\t\x00\x1b[31m\u2028</AuditMessage>CEF:0|x 病人'


def entry(tag: str, actor: str = "key:key_a", subject=None, request="req_1", **details) -> Entry:
    return Entry(7, 1767225600123456, "boot-1", Event(tag, actor, subject, request, details), b"{}")


def full(tag: str, **more) -> Entry:
    names = next(kind.details for kind in KINDS if kind.tag == tag)
    return entry(tag, **(dict.fromkeys(names, "x") | more))


def fields(line: bytes) -> dict[str, str]:
    """The extension of a line of CEF, by its own rules."""
    rest = re.split(r"(?<!\\)\|", line.decode())[7]
    found = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|$)", rest)
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}


ACTORS = ["key:key_a", "user:dr.wang", "box", "local:console", "peer:b"]


@pytest.mark.parametrize("tag", [*TAGS, "later:thing:happen", "strange"])
def test_every_tag_in_every_format(tag):
    for actor, patient in product(ACTORS, (None, "pt_7f3a")):
        one = full(tag, patient=patient) if tag in TAGS else entry(tag, patient=patient)
        one = Entry(
            one.index, one.time, one.boot, Event(tag, actor, None, None, one.event.details), b""
        )
        assert complaints(to_dicom(one, BOX)) == []
        event = json.loads(to_fhir(one, BOX))
        assert event["recorded"] == "2026-01-01T00:00:00.123456Z"
        assert event["outcome"] in {"0", "4", "8"}
        assert any(coding["code"] == tag for coding in event["subtype"])
        assert sum(agent["requestor"] for agent in event["agent"]) == 1
        people = [part for part in event["entity"] if part["type"]["code"] == "1"]
        assert len(people) == (patient is not None)
        line = to_cef(one, BOX)
        assert line.count(b"\n") == 0
        assert line.startswith(b"CEF:0|WardBox|WardBox|1.2.0|" + tag.encode())
        assert fields(line)["externalId"] == "7"
        assert fields(line).get("cs1") == patient


def test_the_tables_name_nothing_that_does_not_exist():
    coming = {"audit:body"}
    rooms = {tag.rpartition(":")[0] for tag in TAGS} | coming
    assert set(SUBJECTS) <= rooms
    assert set(EXACTLY) <= set(TAGS)
    verbs = {tag.rpartition(":")[2] for tag in TAGS} | {"erase", "read", "forget"}
    assert set(ACTIONS) <= verbs | {"forget"}


@pytest.mark.parametrize(
    ("one", "event", "kinds", "action", "outcome"),
    [
        (entry("access:session:open", "user:a"), "110114", ["110122"], "E", 0),
        (entry("access:session:refuse", "user:a", reason="totp"), "110114", ["110122"], "E", 4),
        (entry("access:session:close", "user:a"), "110114", ["110123"], "E", 0),
        (entry("access:role:define", "user:a"), "110113", ["110136"], "C", 0),
        (entry("access:key:revoke", "user:a"), "110113", ["110137"], "D", 0),
        (entry("audit:log:export", "user:a"), "110101", [], "R", 0),
        (entry("box:audit:start", "box"), "110113", ["110134"], "E", 0),
        (entry("box:audit:gap", "box", reason="disk"), "110113", ["110133"], "E", 8),
        (entry("vault:root:refuse", "local:console"), "110113", ["110132"], "E", 8),
        (entry("audit:log:verify", "user:a", ok=False), "110101", [], "R", 8),
        (entry("model:engine:load", "box"), "110100", ["110120"], "E", 0),
        (entry("model:completion:answer"), "110100", [], "C", 0),
        (entry("model:completion:answer", patient="p"), "110110", [], "C", 0),
        (entry("specialist:admission-note:draft"), "110110", [], "C", 0),
        (entry("model:completion:fail", code="engine"), "110100", [], "E", 4),
        (entry("file:content:delete"), "110100", [], "D", 0),
        (entry("later:thing:happen"), "110100", [], "E", 0),
    ],
    ids=lambda value: value.event.tag if isinstance(value, Entry) else "",
)
def test_what_an_entry_means(one, event, kinds, action, outcome):
    meaning = meaning_of(one)
    assert meaning.event.value == event
    assert [kind.value for kind in meaning.kinds] == kinds
    assert (meaning.action, meaning.outcome) == (action, outcome)
    assert bool(meaning.why) == bool(outcome)


def test_hostile_texts_stay_inside_their_fields():
    one = entry(
        "access:key:refuse", f"user:{HOSTILE}", HOSTILE, HOSTILE, code=HOSTILE, patient=HOSTILE
    )
    message = to_dicom(one, BOX)
    assert complaints(message) == []
    objects = fromstring(message).findall("ParticipantObjectIdentification")  # noqa: S314  # our own
    assert len(objects) == 2
    details = {
        part.get("type"): part.get("value") for part in objects[1].iter("ParticipantObjectDetail")
    }
    assert b64decode(details["code"]).decode() == HOSTILE
    assert b"\n" not in message
    line = to_cef(one, BOX)
    assert not re.search(rb"[\x00-\x1f]", line)
    assert len(re.split(rb"(?<!\\)\|", line.split(b"rt=")[0])) == 8
    assert fields(line)["outcome"] == "failure"
    event = json.loads(to_fhir(one, BOX))
    assert all(text.isprintable() for text in _texts(event))
    assert event["outcomeDesc"].startswith('a"b<c>&|')


def _texts(value):
    if isinstance(value, str):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(inner)


def test_details_of_every_kind_are_told():
    one = entry(
        "update:bundle:apply",
        request=None,
        subject=None,
        a=True,
        b=False,
        c=0,
        d=[1, "z"],
        e={"k": [2]},
        f=None,
        g="",
    )
    details = json.loads(to_fhir(one, BOX))["entity"][0]["detail"]
    assert [(part["type"], part["valueString"]) for part in details] == [
        ("a", "true"),
        ("b", "false"),
        ("c", "0"),
        ("d", "1 z"),
        ("e", "k=2"),
    ]
    assert fields(to_cef(one, BOX))["msg"] == "a=true b=false c=0 d=1 z e=k=2"
    assert (
        fields(to_cef(entry("x:y:z", "", subject="thing"), Source("wardbox/b")))["dvchost"] == "b"
    )


RESTFUL = {
    "specialist:admission-note:draft": "Create",
    "model:completion:answer": "Create",
    "job:run:submit": "Create",
    "file:content:admit": "Create",
    "file:content:delete": "Delete",
    "audit:body:read": "Read",
}


@pytest.mark.parametrize("actor", ["key:key_a", "user:dr.wang"])
@pytest.mark.parametrize("patient", [None, "pt_7f3a"])
@pytest.mark.parametrize("tag", RESTFUL)
def test_the_profiles_of_ihe_hold(tag, patient, actor):
    data = Path(os.environ.get("WARDBOX_DATA", "../shared"))
    folder = data / "fixtures/fhir-balp/fsh"
    if not folder.is_dir():
        pytest.skip("the profiles of IHE BALP are not at hand")
    profiles = Profiles(folder)
    event = json.loads(to_fhir(entry(tag, actor, "thing-1", patient=patient), BOX))
    name = ("Patient" if patient else "") + RESTFUL[tag]
    assert event["meta"]["profile"] == [f"{BALP}/StructureDefinition/IHE.BasicAudit.{name}"]
    assert profiles.complaints(name, event) == []
    # The checker itself finds what is wrong.
    for broken in (
        event | {"action": "E"},
        event | {"outcome": "4"},
        event | {"agent": event["agent"][1:]},
        event | {"entity": event["entity"][-1:]},
        event | {"subtype": event["subtype"][1:]},
        event | {"agent": [{**agent, "network": None} for agent in event["agent"]]},
    ):
        assert profiles.complaints(name, broken)


def test_a_failure_claims_no_profile():
    assert "meta" not in json.loads(to_fhir(entry("job:run:submit", ok=False), BOX))
