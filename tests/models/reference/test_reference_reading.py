"""A note is read back field by field, and scored for what it really says."""

import pytest

from models.reference.catalogue import language
from models.reference.example import example_facts
from models.reference.fidelity import score
from models.reference.placeholders import mask
from models.reference.prompting import reference_note
from models.reference.reading import read_note

ZH = language("cataract-zh")


@pytest.fixture
def note():
    masked, restoration = mask(example_facts())
    return restoration.restore(reference_note(masked).text)


def test_statements_know_their_place(note):
    for statement in read_note(note, ZH).statements:
        assert note[statement.start : statement.end] == statement.text


def test_values_are_found(note):
    values = read_note(note, ZH).values
    assert values["patient.name"] == ("林秀兰",)
    assert values["right_eye.visual_acuity"] == ("0.1",)
    assert values["plan.eye"] == ("右眼",)
    assert values["history.surgery"] == ("无",)


def test_one_wrong_value_is_one_wrong_field(note):
    found = score(note.replace("左眼视力0.5", "左眼视力0.6"), example_facts())
    assert [key for key, exact in found.fields.items() if not exact] == ["left_eye.visual_acuity"]
    assert found.well_formed
    assert 0.97 < found.exact_share < 1


def test_a_wrong_side_counts_as_laterality(note):
    found = score(note.replace("拟行右眼", "拟行左眼"), example_facts())
    assert [key for key, right in found.laterality.items() if not right] == ["plan.eye"]
    assert not found.fields["plan.eye"]


def test_a_wrong_name_is_a_wrong_name(note):
    assert score(note, example_facts()).name_right
    assert not score(note.replace("林秀兰", "林秀蓝"), example_facts()).name_right


def test_saying_both_is_wrong(note):
    found = score(note + "\n辅助检查:血糖9.9mmol/L。", example_facts())
    assert not found.fields["vitals.glucose"]
    assert not found.well_formed


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda text: text.replace("主诉\uff1a", ""), "misplaced"),
        (lambda text: text + "今天天气很好。", "unread"),
        (lambda text: text + "\n" + text, "headings"),
        (lambda text: "\n".join(reversed(text.split("\n"))), "headings"),
        (lambda text: "", "no headings"),
        (
            lambda text: text.replace("血糖5.6mmol/L。", "血糖5.6mmol/L。血糖5.6mmol/L。"),
            "repeated",
        ),
    ],
)
def test_bad_form_is_seen(note, damage, problem):
    found = read_note(damage(note), ZH)
    assert not found.well_formed
    assert any(each.startswith(problem) for each in found.problems)
    assert not score(damage(note), example_facts()).well_formed


def test_an_invented_drug_is_seen(note):
    found = score(note + "术前用药:华法林。", example_facts())
    assert not found.fields["plan.drugs"]
    assert score(note + "人工晶状体类型:单焦点。", example_facts()).invented


def test_a_second_disease_does_not_hide_the_first(note):
    text = note.replace("高血压病病史10年", "冠心病病史3年\uff0c用药\uff1a无。高血压病病史10年")
    found = score(text, example_facts())
    assert not found.fields["history.chronic.1.disease"]
    assert found.invented
