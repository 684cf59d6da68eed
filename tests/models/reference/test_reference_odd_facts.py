"""Odd names and odd values come through the note exactly as they were given."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import FactsUnreadable
from models.reference.checking import check_note
from models.reference.example import example_facts
from models.reference.facts import AdmissionFacts
from models.reference.fidelity import score
from models.reference.placeholders import mask
from models.reference.prompting import messages, reference_note

NAMES = (
    "欧阳震华",
    "司马相如",
    "阿卜杜拉·买买提",
    "古丽娜尔·吐尔逊·艾合买提",
    "扎西·次仁",
    "䶮堃",
    "𠅤𨨏",
    "㛃㻏",
    "王\ue863",
    "葛\U000e0100亮",
    "〇一",
    "凞",
    "买買提‧艾力",
    "王芳之女\uff08大\uff09",
    "张三2",
    "O'Brien-Smith Jr.",
    "J. R. Smith",
    "José Ñuñez",
    "王",
    "右眼",
    "未提供",
)


def _with(path, value):
    found = copy.deepcopy(example_facts().to_json())
    target = found
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return AdmissionFacts.from_json(found)


@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_a_rare_name_is_right_whatever_the_model_wrote(name, tongue):
    facts = _with(("patient", "name"), name)
    masked, restoration = mask(facts, tongue)
    draft = reference_note(masked).text
    for text in (draft, restoration.restore(draft), "", draft.replace("⟦姓名⟧", "王伟")):
        checked = check_note(text, facts, tongue)
        assert name in checked.text
        assert "王伟" not in checked.text
        found = score(checked.text, facts, tongue)
        assert found.name_right
        assert found.all_exact
    assert not check_note(draft, facts, tongue).repairs


@pytest.mark.parametrize(
    "name", [each for each in NAMES if len(each) > 1 and each[0] not in "右未"]
)
def test_a_rare_name_stays_out_of_the_prompt(name):
    masked, _ = mask(_with(("patient", "name"), name))
    assert name not in messages(masked)[1]["content"]


VALUES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20
)
PLACES = (
    ("chief_complaint", "symptom"),
    ("chief_complaint", "course"),
    ("right_eye", "fundus"),
    ("left_eye", "lens"),
    ("plan", "anaesthesia"),
    ("personal", "smoking"),
)


@given(value=VALUES, path=st.sampled_from(PLACES))
@settings(max_examples=150, deadline=None)
@pytest.mark.slow
def test_any_value_leaves_the_note_right(value, path):
    try:
        facts = _with(path, value)
    except FactsUnreadable:
        return
    masked, restoration = mask(facts)
    draft = reference_note(masked).text
    assert "林秀兰" not in draft
    checked = check_note(restoration.restore(draft).replace("林秀兰", "李秀兰"), facts)
    assert checked.text == restoration.restore(draft)
    assert "李秀兰" not in checked.text or "李秀兰" in value


def test_a_value_that_is_a_heading_or_a_sentence_stays_a_value():
    facts = _with(
        ("history", "chronic"), [{"disease": "主诉\uff1a左眼失明。右眼失明", "drugs": []}]
    )
    checked = check_note("", facts)
    line = next(each for each in checked.text.split("\n") if each.startswith("既往史"))
    assert "主诉\uff1a左眼失明、右眼失明病史" in line
    assert checked.text.count("\n") == 9
