"""Whatever a model writes, the note that leaves agrees with its facts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.reference.catalogue import departments, language
from models.reference.checking import check_against, check_note
from models.reference.example import example_facts
from models.reference.fidelity import score, score_against
from models.reference.placeholders import mask
from models.reference.prompting import note_of, reference_note
from models.reference.sampling import sample_facts, sample_sheet

TONGUES = ("zh", "en")


def _right(text, facts, tongue="zh"):
    """Every field exact, nothing invented, every name right, and the form kept."""
    found = score(text, facts, tongue)
    wrong = [key for key, exact in found.fields.items() if not exact]
    assert not wrong
    assert not found.invented
    assert found.well_formed
    assert all(found.laterality.values())
    assert found.name_right
    assert facts.patient.name in text
    assert "⟦" not in text


@pytest.mark.parametrize("tongue", TONGUES)
@pytest.mark.parametrize("difficulty", ["ordinary", "odd"])
@pytest.mark.slow
def test_every_right_wording_passes_untouched(tongue, difficulty):
    for seed in range(60):
        rng = random.Random(seed)
        facts = sample_facts(rng, difficulty, "unseen")
        masked, restoration = mask(facts, tongue)
        draft = reference_note(masked, rng).text
        checked = check_note(draft, facts, tongue)
        assert not checked.repairs
        assert not checked.flags
        assert checked.text == restoration.restore(draft)
        _right(checked.text, facts, tongue)


@pytest.mark.parametrize("name", sorted(departments()))
def test_every_department_reads_what_it_writes(name):
    for seed in range(8):
        rng = random.Random(seed)
        sheet = sample_sheet(rng, name, "odd" if seed % 2 else "ordinary")
        draft = note_of(sheet, rng).text
        checked = check_against(draft, sheet)
        assert not checked.repairs
        assert not checked.flags
        found = score_against(draft, sheet)
        assert found.all_exact
        assert found.well_formed


def _swap_eyes(text, rng):
    del rng
    return text.replace("右眼", "\0").replace("左眼", "右眼").replace("\0", "左眼")


def _swap_digits(text, rng):
    return "".join(rng.choice("0123456789") if each.isdigit() else each for each in text)


def _drop(text, rng):
    return "".join(each for each in text if rng.random() > 0.03)


def _double(text, rng):
    lines = text.split("\n")
    return "\n".join([*lines, rng.choice(lines)])


def _lose(text, rng):
    lines = text.split("\n")
    lines.pop(rng.randrange(len(lines)))
    return "\n".join(lines)


def _shuffle(text, rng):
    pieces = text.split("。")
    rng.shuffle(pieces)
    return "。".join(pieces)


def _invent(text, rng):
    return text + rng.choice(
        (
            "左眼视力1.0,眼压99mmHg。",
            "对海水过敏,反应休克。",
            "4.肺癌。",
            "\n术前用药:华法林。",
            "\n建议:出院。",
        )
    )


def _rename(text, rng):
    return text.replace("⟦姓名⟧", rng.choice(("王伟", "⟦姓名", "⟦姓 名⟧", "⟦患者⟧", "")))


def _unmask(text, rng):
    return text.replace("⟦姓名⟧", "王⟦姓名⟧⟦姓名⟧").replace("⟦", rng.choice(("⟦", "[", "⟦⟦")))


def _no_colons(text, rng):
    del rng
    return text.replace("\uff1a", " ").replace("。", ".")


DAMAGE = (
    _swap_eyes,
    _swap_digits,
    _drop,
    _double,
    _lose,
    _shuffle,
    _invent,
    _rename,
    _unmask,
    _no_colons,
)


@given(
    seed=st.integers(0, 10**6),
    odd=st.booleans(),
    damage=st.lists(st.sampled_from(DAMAGE), min_size=1, max_size=4),
)
@settings(max_examples=120, deadline=None)
@pytest.mark.slow
def test_a_damaged_note_leaves_right(seed, odd, damage):
    rng = random.Random(seed)
    facts = sample_facts(rng, "odd" if odd else "ordinary", "unseen")
    text = reference_note(mask(facts)[0], rng).text
    for each in damage:
        text = each(text, rng)
    checked = check_note(text, facts)
    _right(checked.text, facts)


@given(text=st.text(max_size=300), tongue=st.sampled_from(TONGUES))
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_garbage_leaves_right_and_is_shown(text, tongue):
    facts = example_facts()
    checked = check_note(text, facts, tongue)
    _right(checked.text, facts, tongue)
    assert checked.repairs


def test_the_repair_names_the_fields_and_both_sentences():
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text.replace("右眼视力0.1", "右眼视力0.7")
    checked = check_note(draft, facts)
    (repair,) = checked.repairs
    assert repair.kind == "wrong"
    assert repair.keys == ("right_eye.visual_acuity",)
    assert "0.7" in repair.was
    assert "右眼视力0.1" in repair.now
    assert not checked.flags


def test_the_other_eye_is_put_right():
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text.replace("拟行右眼", "拟行左眼")
    checked = check_note(draft, facts)
    assert [each.keys for each in checked.repairs] == [("plan.eye",)]
    assert "拟行右眼白内障" in checked.text
    assert "拟行左眼" not in checked.text


@pytest.mark.parametrize(
    "invented", ["患者既往有心肌梗死。", "建议双眼同日手术。", "对碘过敏,反应休克。", "5.青光眼。"]
)
def test_what_the_facts_do_not_say_is_left_out_and_flagged(invented):
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text + invented
    checked = check_note(draft, facts)
    assert invented.strip("。") not in checked.text
    assert [each.code for each in checked.flags] == ["unsupported"]
    assert invented.strip("。") in checked.flags[0].zh
    assert not checked.repairs


def test_a_repeated_sentence_is_left_out_and_flagged():
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text + "血糖5.6mmol/L。"
    checked = check_note(draft, facts)
    assert checked.text.count("5.6mmol/L") == 1
    assert [each.code for each in checked.flags] == ["repeated"]


def test_a_mangled_placeholder_is_flagged():
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text.replace("⟦姓名⟧", "⟦姓氏⟧")
    checked = check_note(draft, facts)
    assert "placeholder" in {each.code for each in checked.flags}
    _right(checked.text, facts)


def test_every_sentence_names_its_facts():
    facts = example_facts()
    checked = check_note("", facts)
    assert all(each.sources for each in checked.sentences)
    spoken = language("cataract-zh")
    assert [each.heading for each in checked.note.sections] == [h for _, h in spoken.sections]


@pytest.mark.parametrize(
    "hostile",
    [
        "\uff0c".join("一" * 30) * 500 + "。",
        "右眼" * 50_000,
        "患者\uff0c\uff0c\uff0c,," * 4000,
        "。" * 50_000,
    ],
    ids=["clauses", "eyes", "commas", "stops"],
)
@pytest.mark.slow
def test_a_huge_draft_is_judged_at_once(hostile):
    facts = example_facts()
    checked = check_note(hostile, facts)
    assert len(checked.flags) <= 51
    _right(checked.text, facts)


def test_punctuation_of_the_other_width_is_no_mistake():
    facts = example_facts()
    draft = reference_note(mask(facts)[0]).text.replace("\uff0c", ", ").replace("\uff1a", ": ")
    checked = check_note(draft, facts)
    assert not checked.repairs
    assert not checked.flags
