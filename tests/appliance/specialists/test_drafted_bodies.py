"""The body of a draft: prompt, note and facts behind its entry, under the patient whom they name."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from appliance.bodies.errors import PatientInvalid
from appliance.bodies.sealing import Sealer, unseal_body
from appliance.bodies.shape import KEPT, Seal
from appliance.specialists.admission_note import AdmissionNoteWriter, Caller
from appliance.specialists.recording import Provenance
from models.reference.example import example_facts
from secure_compute.secret import Secret
from tests.appliance.access.doubles import RememberingAudit
from tests.appliance.specialists.test_admission_note import FakeAuthor, perfect

KEY = b"k" * 32
CALLER = Caller("user:li", "req_1")


class Seals:
    def __init__(self):
        self.asked = []

    def seal(self, receipt, patient):
        self.asked.append((receipt, patient))
        if patient == " ":
            raise PatientInvalid
        return Seal(KEY, "ab" * 16, KEPT, 1 << 20)


@pytest.fixture
def seals():
    return Seals()


@pytest.fixture
def audit():
    return RememberingAudit()


def writer(facts, audit, seals):
    clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
    told = Provenance(b"s" * 32, lambda: "p" * 64, "1", clock, seals.seal)
    return AdmissionNoteWriter(FakeAuthor(perfect(facts)), audit, told)


async def test_behind_a_draft_lie_its_prompt_its_note_and_its_facts(audit, seals):
    facts = example_facts()
    draft = await writer(facts, audit, seals).draft(facts.to_json(), CALLER)
    event = audit.events[-1]
    assert (event.details["body"], event.details["patient"]) == (KEPT, "ab" * 16)
    with Secret(KEY) as key:
        kept = unseal_body(Sealer().seal(event.body), key)
    assert kept.agrees(event.details)
    assert kept.receipt == draft.receipt
    assert kept.texts["answer"].decode() == draft.text
    assert json.loads(kept.texts["extract"]) == facts.to_json()
    assert facts.patient.name not in kept.texts["prompt"].decode()
    assert facts.patient.name not in json.dumps(dict(event.details), ensure_ascii=False)


@pytest.mark.parametrize(
    ("number", "admission", "named", "found"),
    [
        ("340102197001011234", "A-1", None, "340102197001011234"),
        (None, "A-1", None, "A-1"),
        (None, None, None, None),
        ("340102197001011234", "A-1", "P0042", "P0042"),
    ],
)
async def test_whom_a_draft_is_about(audit, seals, number, admission, named, found):
    facts = example_facts()
    patient = replace(facts.patient, id_number=None, admission_no=admission)
    told = replace(facts, patient=patient).to_json()
    if number is not None:
        told["patient"]["id_number"] = example_facts().patient.id_number or number
        found = found if named else told["patient"]["id_number"]
    try:
        await writer(facts, audit, seals).draft(told, replace(CALLER, patient=named))
    finally:
        assert [patient for _, patient in seals.asked] == [found]


async def test_a_patient_that_cannot_be_is_refused_before_the_model_is_asked(audit, seals):
    facts = example_facts()
    with pytest.raises(PatientInvalid):
        await writer(facts, audit, seals).draft(facts.to_json(), replace(CALLER, patient=" "))
    assert audit.events == []
