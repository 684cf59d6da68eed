"""Facts come in as JSON and leave as JSON, and what is wrong is named."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import FactsUnreadable
from models.reference.cataract.values import phrase, sheet_of
from models.reference.example import example_facts
from models.reference.facts import AdmissionFacts, schema
from models.reference.identity import age_on, birth_date, check_digit, number_is_valid, sex


def _changed(path, value):
    found = copy.deepcopy(example_facts().to_json())
    target = found
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return found


def test_json_goes_round():
    facts = example_facts()
    assert AdmissionFacts.from_json(facts.to_json()) == facts
    assert AdmissionFacts.from_json(json.dumps(facts.to_json())) == facts
    assert AdmissionFacts.from_json(json.dumps(facts.to_json()).encode()) == facts


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("nonsense",), 1, "nonsense"),
        (("patient", "nickname"), "小林", "patient.nickname"),
        (("patient", "age"), "68", "patient.age"),
        (("patient", "age"), True, "patient.age"),
        (("patient", "age"), 131, "patient.age"),
        (("patient", "age"), -1, "patient.age"),
        (("patient", "sex"), "F", "patient.sex"),
        (("patient", "name"), "", "patient.name"),
        (("patient", "name"), "林\n秀兰", "patient.name"),
        (("patient", "name"), "⟦姓名⟧", "patient.name"),
        (("patient", "name"), "林秀兰。主诉", "patient.name"),
        (("patient", "name"), "林" * 41, "patient.name"),
        (("patient", "id_number"), "12345", "patient.id_number"),
        (("admission_date",), "2025-02-30", "admission_date"),
        (("admission_date",), "16/03/2025", "admission_date"),
        (("right_eye", "visual_acuity"), "很好", "right_eye.visual_acuity"),
        (("right_eye", "intraocular_pressure"), float("nan"), "right_eye.intraocular_pressure"),
        (("right_eye", "intraocular_pressure"), 10**400, "right_eye.intraocular_pressure"),
        (("right_eye", "visual_acuity"), float("inf"), "right_eye.visual_acuity"),
        (("right_eye", "lens"), "混浊\u202e", "right_eye.lens"),
        (("right_eye", "lens"), "\ud800", "right_eye.lens"),
        (("diagnoses",), {"name": "x"}, "diagnoses"),
        (("diagnoses",), [{"name": "x"}] * 5, "diagnoses"),
        (("diagnoses",), ["白内障"], "diagnoses.0"),
        (("plan", "eye"), "上眼", "plan.eye"),
    ],
)
def test_a_wrong_field_is_named(path, value, field):
    with pytest.raises(FactsUnreadable) as caught:
        AdmissionFacts.from_json(_changed(path, value))
    assert caught.value.facts["field"] == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    "path", [("patient", "age"), ("right_eye", "visual_acuity"), ("right_eye", "k1")], ids="-".join
)
def test_a_number_too_long_to_print_is_refused(path):
    with pytest.raises(FactsUnreadable):
        AdmissionFacts.from_json(_changed(path, 10**5000))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '"x"', b"\xff\xfe"])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(FactsUnreadable):
        AdmissionFacts.from_json(text)


def test_a_field_given_twice_is_refused():
    with pytest.raises(FactsUnreadable, match="twice"):
        AdmissionFacts.from_json('{"patient": {"name": "林秀兰", "name": "林秀蓝"}}')


def test_a_name_is_required():
    with pytest.raises(FactsUnreadable):
        AdmissionFacts.from_json({"patient": {"age": 3}})


def test_the_schema_speaks_of_every_field():
    found = schema()
    assert found["additionalProperties"] is False
    assert set(found["properties"]) >= set(example_facts().to_json())
    eye = found["properties"]["right_eye"]
    assert eye["properties"]["locs"]["properties"]["nuclear"]["type"] == "number"
    assert found["properties"]["history"]["properties"]["chronic"]["items"]["type"] == "object"
    json.dumps(found)


def test_values_are_written_as_given():
    values = sheet_of(example_facts()).values
    assert values["right_eye.axial_length"] == "23.46mm"
    assert values["right_eye.k2"] == "44.5D"
    assert values["right_eye.intraocular_pressure"] == "15mmHg"
    assert values["diagnoses.1"] == "右眼年龄相关性白内障"


@given(st.text(min_size=1, max_size=30))
def test_a_phrase_never_splits_a_sentence(text):
    assert not set(phrase(text)) & set(",;\uff0c\uff1b。")


@pytest.mark.parametrize(
    "number", ["11010119560815002X", "110101195613150024", "01010119560815002X"]
)
def test_a_wrong_identity_number_is_seen(number):
    assert not number_is_valid(number)


@given(st.dates(), st.integers(0, 999))
@settings(max_examples=30)
def test_an_identity_number_tells_birth_and_sex(born, order):
    if born.year < 1000:
        return
    first = f"110999{born:%Y%m%d}{order:03d}"
    number = first + check_digit(first)
    assert number_is_valid(number)
    assert birth_date(number) == born
    assert sex(number) == ("男" if order % 2 else "女")
    assert age_on(born, born) == 0
