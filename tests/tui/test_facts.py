"""Key facts between form and JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.paper_notes import schema
from tui import facts
from tui.widgets.fieldlist import EXAMPLE, FIELDS, PATHS
from tui.widgets.sources import label, labels

SCHEMA = schema()


def test_every_field_is_in_the_schema_and_has_one_path() -> None:
    assert [field.path for field in FIELDS if facts.shape(SCHEMA, field.path) is None] == []
    assert len(set(PATHS)) == len(PATHS)


def test_the_real_schema_knows_every_field_and_takes_the_example() -> None:
    from models.reference.facts import AdmissionFacts, schema

    assert [path for path in PATHS if facts.shape(schema(), path) is None] == []
    assert AdmissionFacts.from_json(EXAMPLE).to_json()["patient"]["name"] == "王秀兰"


def test_the_example_contradicts_nothing() -> None:
    from models.reference.conflicts import refuse_contradictions
    from models.reference.facts import AdmissionFacts

    assert refuse_contradictions(AdmissionFacts.from_json(EXAMPLE)) == ()


def test_what_is_split_comes_together_again() -> None:
    shown, rest = facts.split(EXAMPLE, PATHS)
    for path, text in shown.items():
        shape = facts.shape(SCHEMA, path)
        assert shape is not None
        facts.put(rest, path, facts.read(shape.kind, text))
    assert rest == EXAMPLE


@pytest.mark.parametrize(
    "text", ["", "1e5", "0x10", "nan", "inf", "1.2.3", "十二", "1" * 30, "--1"]
)
@pytest.mark.parametrize("kind", ["whole", "number"])
def test_what_is_no_number_is_refused(kind: facts.Kind, text: str) -> None:
    with pytest.raises(facts.Unreadable):
        facts.read(kind, text)


def test_a_whole_number_has_no_fraction() -> None:
    with pytest.raises(facts.Unreadable):
        facts.read("whole", "1.5")
    assert facts.read("number", "1.5") == 1.5


@pytest.mark.parametrize("text", ["[1]", "{", '"a"', "[" * 100_000, "nul"])
def test_a_rest_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(facts.Unreadable):
        facts.parse_rest(text)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(st.integers() | st.none() | st.text(max_size=5), st.lists, max_leaves=5),
        max_size=4,
    )
)
def test_no_rest_breaks_a_field(rest: dict[str, object]) -> None:
    rest["patient"] = 3
    with pytest.raises(facts.Unreadable):
        facts.put(rest, "patient.name", "王")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("right_eye.grading", "right_eye.locs.nuclear"),
        ("vitals.blood_pressure", "vitals.systolic"),
        ("diagnoses.1", "diagnoses.0.name"),
        ("history.chronic.1.years", "history.chronic.0.years"),
        ("allergies.1.drug", "allergies.items.0.drug"),
        ("chief_complaint.duration", "chief_complaint.duration.unit"),
    ],
)
def test_a_source_finds_its_field(source: str, path: str) -> None:
    assert facts.touches(source, path)


def test_a_source_leaves_other_fields_alone() -> None:
    assert not facts.touches("left_eye.visual_acuity", "right_eye.visual_acuity")
    assert not facts.touches("diagnoses.2", "diagnoses.0.name")


def test_sources_are_read_by_people() -> None:
    assert label("left_eye.intraocular_pressure") == "左眼眼压"
    assert label("left_eye.grading") == "左眼分级"
    assert label("a.b\x1b") == "a.b␛"
    assert labels(("chief_complaint.affects", "history.chronic.1.drugs"), EXAMPLE) == [
        ("影响", "阅读、看电视"),
        ("用药", "氨氯地平"),
    ] or labels(("chief_complaint.affects",), EXAMPLE) == [("影响", "阅读、看电视")]
