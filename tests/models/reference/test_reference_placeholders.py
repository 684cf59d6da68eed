"""Identity never reaches the model, and comes back whole."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.reference.example import example_facts
from models.reference.facts import AdmissionFacts
from models.reference.people import name
from models.reference.placeholders import TOKENS, mask, mask_sheet, mask_text
from models.reference.prompting import messages, reference_note
from models.reference.sampling import sample_facts, sample_sheet


def _secrets(facts):
    patient = facts.patient
    found = [patient.name, patient.id_number, patient.phone, patient.address, patient.admission_no]
    if facts.informant:
        found.append(facts.informant.name)
    return [each for each in found if each]


@pytest.mark.parametrize("difficulty", ["ordinary", "odd"])
def test_no_identity_stands_in_a_prompt(difficulty):
    for seed in range(80):
        facts = sample_facts(random.Random(seed), difficulty, "unseen")
        masked, restoration = mask(facts)
        asked = "\n".join(each["content"] for each in messages(masked))
        assert not [each for each in _secrets(facts) if each in asked]
        note = reference_note(masked).text
        assert not [each for each in _secrets(facts) if each in note]
        assert facts.patient.name in restoration.restore(note)


def test_no_identity_stands_in_another_departments_prompt():
    sheet = sample_sheet(random.Random(3), "cardiology", "odd")
    masked, _ = mask_sheet(sheet)
    asked = messages(masked)[1]["content"]
    for key in ("patient.name", "patient.admission_no"):
        assert sheet.values[key] not in asked


def test_a_name_inside_another_fact_is_swapped_too():
    found = example_facts().to_json()
    found["chief_complaint"]["symptom"] = "林秀兰诉视物模糊"
    facts = AdmissionFacts.from_json(found)
    masked, restoration = mask(facts)
    assert "林秀兰" not in messages(masked)[1]["content"]
    assert "林秀兰诉视物模糊" in restoration.restore(reference_note(masked).text)


def test_a_report_tells_what_the_model_did():
    masked, restoration = mask(example_facts())
    note = reference_note(masked).text
    assert restoration.report(note).sound
    broken = note.replace("⟦姓名⟧", "⟦姓名").replace("⟦床号⟧", "⟦房号⟧") + "⟦住院号⟧"
    report = restoration.report(broken)
    assert not report.sound
    assert set(report.absent) == {"⟦姓名⟧", "⟦床号⟧"}
    assert report.unknown == ("⟦房号⟧",)
    assert report.mangled == 1
    assert report.repeated == ("⟦住院号⟧",)


def test_spaces_inside_a_placeholder_do_no_harm():
    _, restoration = mask(example_facts())
    assert restoration.restore("⟦ 姓 名 ⟧") == "林秀兰"


def test_restoring_does_not_restore_twice():
    found = example_facts().to_json()
    _, restoration = mask(AdmissionFacts.from_json(found))
    assert restoration.restore("⟦⟦姓名⟧⟧") == "⟦林秀兰⟧"


@pytest.mark.parametrize(
    "said",
    [
        "林秀兰今天怎么样",
        "林 秀 兰今天怎么样",
        "林\n秀兰今天怎么样",
        "林女士今天怎么样",
        "秀兰今天怎么样",
        "电话13800000000",
        "电话138 0000 0000",
        "电话138-0000-0000",
        "电话１３８００００００００",
        "身份证110101195608150024",
        "身份证110101 19560815 0024",
        "住院号zy20250316",
        "12床今天怎么样",
        "床号:12",
    ],
)
def test_free_text_loses_identity_and_gets_it_back(said):
    facts = example_facts()
    masked, restoration = mask_text(said, facts)
    assert "⟦" in masked
    for secret in ("林", "秀兰", "138", "\uff11\uff13\uff18", "110101", "20250316", "12"):
        assert secret not in masked
    assert restoration.restore(masked) == said


def test_a_minority_name_is_found_in_parts_and_with_any_dot():
    found = example_facts().to_json()
    found["patient"]["name"] = "阿卜杜拉·买买提"
    facts = AdmissionFacts.from_json(found)
    for said in ("阿卜杜拉•买买提", "阿卜杜拉买买提", "买买提", "阿卜杜拉"):
        masked, restoration = mask_text(f"{said}复查", facts)
        assert "买买提" not in masked
        assert "阿卜杜拉" not in masked
        assert restoration.restore(masked) == f"{said}复查"


def test_numbers_of_anybody_are_swapped_without_facts():
    masked, restoration = mask_text("家属13912345678,证件310999198411197718。眼压12mmHg")
    assert masked == "家属⟦电话⟧,证件⟦证件号⟧。眼压12mmHg"
    assert "13912345678" in restoration.restore(masked)


def test_foreign_placeholders_in_free_text_mean_nothing():
    masked, restoration = mask_text("⟦姓名⟧是谁", example_facts())
    assert "⟦" not in masked
    assert "林秀兰" not in restoration.restore(masked)


@given(seed=st.integers(0, 10**6), before=st.text(max_size=10), after=st.text(max_size=10))
@settings(max_examples=80, deadline=None)
@pytest.mark.slow
def test_any_rare_name_is_found_in_any_text(seed, before, after):
    found = example_facts().to_json()
    found["patient"]["name"] = name(random.Random(seed), "rare", "女")
    facts = AdmissionFacts.from_json(found)
    masked, restoration = mask_text(before + facts.patient.name + after, facts)
    assert facts.patient.name not in masked
    assert facts.patient.name in restoration.restore(masked)


def test_no_identity_stays_in_the_librarys_cache_of_patterns():
    found = example_facts().to_json()
    found["patient"]["name"] = "龘靐齉爩"
    facts = AdmissionFacts.from_json(found)
    masked, restoration = mask_text("龘 靐齉爩,爩", facts)
    assert masked == "⟦姓名2⟧,爩"
    assert restoration.restore(masked) == "龘 靐齉爩,爩"
    # Letter for letter: between those of a name a pattern has room for spaces.
    kept = "".join(str(pattern) for _, pattern, _ in re._cache)
    assert not set("龘靐齉爩") & set(kept)


def test_placeholders_are_distinct():
    assert len(set(TOKENS.values())) == len(TOKENS)
