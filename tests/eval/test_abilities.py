"""The abilities: enough honest questions, keys that were computed elsewhere, scorers that can fail."""

import json
from itertools import islice

import pytest

from eval.abilities import formulas
from eval.abilities.register import MODULES, abilities, ability
from eval.ability import TENDER_SIZE
from eval.case import Answer
from eval.errors import AbilityUnknown
from eval.suite import build_suite


@pytest.mark.parametrize("ability_id", MODULES)
def test_an_ability_has_a_full_set_of_distinct_questions(ability_id):
    found = ability(ability_id)
    number = 60 if ability_id == "S9" else None
    cases = list(islice(found.cases(7), number))
    assert found.id == ability_id
    assert number or len(cases) > TENDER_SIZE
    assert len({case.id for case in cases}) == len(cases)
    asked = {json.dumps(list(map(dict, case.messages)), ensure_ascii=False) for case in cases}
    assert len(asked) == len(cases)


@pytest.mark.parametrize("ability_id", MODULES)
def test_the_same_seed_asks_the_same_and_another_asks_otherwise(ability_id):
    found = ability(ability_id)
    assert build_suite(found, 3, 20).digest == build_suite(found, 3, 20).digest
    assert build_suite(found, 3, 20).digest != build_suite(found, 4, 20).digest


def test_the_key_stays_away_from_the_model():
    for found in abilities():
        for case in islice(found.cases(1), 20):
            assert set(case.messages[0]) == {"role", "content"}


def test_an_unknown_ability_is_named_with_the_known_ones():
    with pytest.raises(AbilityUnknown, match="B99") as caught:
        ability("B99")
    assert "S9" in caught.value.way_out


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (formulas.body_mass_index(70, 175), 22.857),
        (formulas.body_surface(70, 175), 1.8447),
        (formulas.mean_arterial_pressure(120, 80), 93.333),
        (formulas.creatinine_clearance(60, 70, 1.0, "男"), 77.778),
        (formulas.creatinine_clearance(60, 70, 1.0, "女"), 66.111),
        # NKF's calculator: 1.0 mg/dl at 50 years gives 69 (f) and 92 (m)
        (formulas.glomerular_filtration(50, 1.0, "女"), 68.6),
        (formulas.glomerular_filtration(50, 1.0, "男"), 91.7),
        (formulas.anion_gap(140, 104, 24), 12),
        (formulas.corrected_calcium(2.0, 30), 2.2),
        (formulas.low_density_cholesterol(5.2, 1.2, 2.2), 3.0),
        (formulas.drip_rate(1000, 8, 20), 41.667),
        # SRK II: L 23.5, K 44, A 118.4 -> 118.4 - 39.6 - 58.75; below 22 mm A1 = A + 1
        (formulas.lens_power(118.4, 23.5, 44), 20.05),
        (formulas.lens_power(118.4, 21.5, 44), 26.05),
        (formulas.coma_scale(4, 5, 6), 15),
        (formulas.stroke_risk(80, "女", "高血压", "卒中史"), 6),
        (formulas.stroke_risk(64, "男"), 0),
    ],
)
def test_formulas_give_hand_computed_values(value, expected):
    assert value == pytest.approx(expected, rel=2e-3)


def _score(ability_id, index, text):
    found = ability(ability_id)
    case = next(islice(found.cases(5), index, None))
    return case, found.score(case, Answer(case.id, text))


def test_a_right_number_passes_in_any_dress_and_a_wrong_one_fails():
    case, _ = _score("B8", 0, "")
    value = case.key["value"]
    for text in (f"{value:.2f}", f"答案:{value:.1f} kg/m²", f"计算过程 1+2,结果为 {value:.2f}。"):
        assert _score("B8", 0, text)[1].passed, text
    for text in ("", "无法计算", f"{value * 1.2:.2f}", f"-{value:.2f}"):
        assert not _score("B8", 0, text)[1].passed, text


def test_whole_numbers_are_exact():
    found = ability("B8")
    case = next(case for case in found.cases(5) if case.fact == "gcs")
    right = int(case.key["value"])
    assert found.score(case, Answer(case.id, f"{right}分")).passed
    assert not found.score(case, Answer(case.id, f"{right + 1}")).passed


def test_every_format_question_can_be_met_and_can_be_missed():
    found = ability("B12")
    for case in islice(found.cases(2), 400):
        assert not found.score(case, Answer(case.id, "")).passed
        best = found.score(case, Answer(case.id, _obey(case.key["constraints"])))
        assert best.passed, (case.messages[0]["content"], best.note)


def _obey(constraints):
    """The plainest text that meets the constraints of a case."""
    wanted = dict(constraints)
    filler = "休息好,多观察。" * 20 if "at_least_chars" in wanted else "好"
    word = wanted.get("contains", "")
    body = word + filler
    if "json_keys" in wanted:
        return (
            json.dumps(dict.fromkeys(wanted["json_keys"], body), ensure_ascii=False)[: 10**6]
            if "at_most_chars" not in wanted
            else json.dumps(
                dict.fromkeys(wanted["json_keys"], 0), ensure_ascii=False, separators=(",", ":")
            )
        )
    if "numbered" in wanted:
        return "\n".join(f"{i}.{body}" for i in range(1, wanted["numbered"] + 1))
    if "bulleted" in wanted:
        return "\n".join(f"- {body}" for _ in range(wanted["bulleted"]))
    return wanted.get("starts_with", "") + body + wanted.get("ends_with", "")


def test_a_faithful_note_passes_and_a_wrong_eye_fails():
    from models.reference.facts import AdmissionFacts
    from models.reference.placeholders import mask
    from models.reference.prompting import reference_note

    found = ability("S9")
    for case in islice(found.cases(11), 12):
        facts = AdmissionFacts.from_json(case.key["facts"])
        text = reference_note(mask(facts)[0]).text
        whole = found.score(case, Answer(case.id, text))
        assert whole.passed, whole.note
        swapped = text.replace("右眼", "§").replace("左眼", "右眼").replace("§", "左眼")
        if swapped != text:
            wrong = found.score(case, Answer(case.id, swapped))
            assert not wrong.passed
            assert wrong.marks["laterality"][0] < wrong.marks["laterality"][1]
