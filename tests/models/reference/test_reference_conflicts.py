"""Contradictory facts are found, named by field, and refused."""

import copy

import pytest

from models.errors import FactsContradictory
from models.reference.conflicts import contradictions, refuse_contradictions
from models.reference.example import example_facts
from models.reference.facts import AdmissionFacts


def _facts(**changes):
    found = copy.deepcopy(example_facts().to_json())
    for path, value in changes.items():
        target = found
        *way, last = path.split("__")
        for key in way:
            target = target[key]
        target[last] = value
    return AdmissionFacts.from_json(found)


def _codes(facts):
    return {each.code for each in contradictions(facts)}


def test_the_example_agrees_with_itself():
    assert contradictions(example_facts()) == ()
    assert refuse_contradictions(example_facts()) == ()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"plan__eye": "左眼"}, "laterality-complaint", "plan.eye"),
        ({"plan__eye": "左眼"}, "laterality-diagnosis", "diagnoses"),
        ({"plan__eye": "双眼"}, "laterality-complaint", "plan.eye"),
        ({"chief_complaint__eye": "左眼"}, "laterality-complaint-diagnosis", "chief_complaint.eye"),
        ({"plan__procedure": "左眼白内障手术"}, "laterality-text", "plan.procedure"),
        ({"right_eye__lens": "人工晶状体在位"}, "lens-removed", "right_eye.lens"),
        (
            {"patient__sex": "男", "history__pregnancy_weeks": 20},
            "male-pregnancy",
            "history.pregnancy_weeks",
        ),
        ({"allergies__status": "无"}, "allergy-denied", "allergies.items"),
        ({"plan__drugs": ["青霉素钠"]}, "allergy-drug", "plan.drugs"),
        ({"plan__drugs": ["阿莫西林"]}, "allergy-drug", "plan.drugs"),
        ({"history__surgery": ["右眼白内障超声乳化术"]}, "operated-before", "history.surgery"),
        ({"diagnoses": [{"name": "前列腺增生"}]}, "sex-disease", "diagnoses.1"),
        ({"diagnoses": [{"eye": "左眼", "name": "青光眼"}]}, "laterality-diagnosis", "diagnoses"),
        ({"plan__procedure": "OS 白内障手术"}, "laterality-text", "plan.procedure"),
        ({"plan__date": "2025-03-15"}, "date-order", "plan.date"),
        ({"discharge_date": "2025-03-10"}, "date-order", "discharge_date"),
        ({"discharge_date": "2025-03-17"}, "date-order", "plan.date"),
        ({"patient__id_number": "110101195608150023"}, "id-invalid", "patient.id_number"),
        ({"patient__sex": "男"}, "id-sex", "patient.sex"),
        ({"patient__age": 48}, "id-age", "patient.age"),
        ({"admission_date": "1950-01-01"}, "id-birth", "admission_date"),
        (
            {"right_eye__intraocular_pressure": 300},
            "out-of-scale",
            "right_eye.intraocular_pressure",
        ),
        ({"right_eye__intraocular_pressure": -3}, "out-of-scale", "right_eye.intraocular_pressure"),
        ({"left_eye__visual_acuity": "3.0"}, "out-of-scale", "left_eye.visual_acuity"),
        ({"right_eye__locs__nuclear": 7}, "out-of-scale", "right_eye.locs.nuclear"),
        ({"right_eye__axial_length": 99}, "out-of-scale", "right_eye.axial_length"),
        ({"vitals__systolic": 70}, "blood-pressure", "vitals.systolic"),
    ],
)
def test_a_contradiction_is_refused_with_both_fields_named(changes, code, field):
    facts = _facts(**changes)
    found = [each for each in contradictions(facts) if each.code == code]
    assert any(field in each.fields for each in found)
    assert all(each.zh and each.en and each.severity == "refuse" for each in found)
    with pytest.raises(FactsContradictory) as caught:
        refuse_contradictions(facts)
    assert found[0] in caught.value.facts["conflicts"]
    assert found[0].zh in str(caught.value)


def test_both_eyes_on_one_day_is_flagged_and_not_refused():
    facts = _facts(
        plan__eye="双眼",
        chief_complaint__eye="双眼",
        diagnoses=[{"eye": "双眼", "name": "年龄相关性白内障"}],
    )
    assert _codes(facts) == {"both-eyes-one-day"}
    assert [each.code for each in refuse_contradictions(facts)] == ["both-eyes-one-day"]


def test_a_corrected_acuity_below_the_bare_one_is_flagged():
    facts = _facts(left_eye__corrected_acuity="0.1")
    assert [each.severity for each in contradictions(facts)] == ["flag"]


def test_a_denied_disease_that_is_diagnosed_is_flagged():
    facts = _facts(history__chronic=[])
    assert [(each.code, each.severity) for each in contradictions(facts)] == [
        ("disease-denied", "flag")
    ]


def test_a_pregnancy_at_sixty_eight_is_flagged():
    facts = _facts(history__pregnancy_weeks=20)
    assert [each.code for each in refuse_contradictions(facts)] == ["pregnancy-age"]


def test_the_english_sentence_speaks_english():
    found = contradictions(_facts(plan__eye="左眼"))
    assert found
    assert not any("眼" in each.en for each in found)


def test_a_disease_older_than_the_patient_is_refused():
    facts = _facts(
        history__chronic=[{"disease": "高血压病", "years": 90, "drugs": []}],
    )
    assert "years-age" in _codes(facts)


def test_one_eye_of_two_that_complain_may_be_operated():
    facts = _facts(
        chief_complaint__eye="双眼",
        diagnoses=[{"eye": "双眼", "name": "年龄相关性白内障"}],
    )
    assert contradictions(facts) == ()


def test_no_facts_no_contradictions():
    assert contradictions(AdmissionFacts.from_json({"patient": {"name": "林秀兰"}})) == ()
