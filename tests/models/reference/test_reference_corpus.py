"""The corpus is seeded, varied, free of identity, and keeps its two splits apart."""

import collections
import itertools
import random
import subprocess
import sys

import pytest

from models.errors import DepartmentUnknown
from models.reference.catalogue import departments, language, languages
from models.reference.conflicts import contradictions
from models.reference.corpus import MIX, records
from models.reference.people import is_unseen, name
from models.reference.sampling import sample_facts, sample_patient, sample_sheet
from models.reference.vocabulary import (
    han_characters,
    placeholder_tokens,
    punctuation,
    template_terms,
)


def test_the_same_seed_gives_the_same_records():
    first = list(records(5, 30))
    assert first == list(records(5, 30))
    assert first != list(records(6, 30))
    assert first != list(records(5, 30, split="unseen"))


def test_a_longer_corpus_begins_like_a_shorter_one():
    assert list(records(5, 10)) == list(itertools.islice(records(5, 40), 10))


@pytest.mark.slow
def test_every_kind_is_made():
    mix = dict.fromkeys(MIX, 1.0)
    found = collections.Counter(each.kind for each in records(1, 240, mix))
    assert set(found) == set(MIX)
    for each in records(1, 60, mix):
        assert [message["role"] for message in each.messages] == ["system", "user"]
        assert each.answer
    refused = next(records(2, 1, {"refusal": 1}))
    assert refused.answer.startswith("要素互相矛盾")


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="poem"):
        next(records(1, 1, {"poem": 1.0}))


def test_splits_share_no_name():
    for split in ("train", "unseen"):
        for seed in range(60):
            facts = sample_facts(random.Random(seed), "odd" if seed % 2 else "ordinary", split)
            assert is_unseen(facts.patient.name) == (split == "unseen")


@pytest.mark.parametrize("difficulty", ["ordinary", "odd"])
def test_invented_patients_do_not_contradict_themselves(difficulty):
    for seed in range(150):
        found = contradictions(sample_facts(random.Random(seed), difficulty))
        assert not [each for each in found if each.severity == "refuse"]


def test_there_are_twelve_departments_and_more():
    titles = {each.department for each in languages().values()}
    assert len(departments()) >= 12
    assert len(titles) >= 13
    for spoken in languages().values():
        names = [unit.name for unit in spoken.units]
        assert len(set(names)) == len(names)
        sections = {key for key, _ in spoken.sections}
        for unit in spoken.units:
            assert unit.section in sections
            assert len({frozenset(_slots(each)) for each in unit.templates}) == 1, unit.name


def _slots(template):
    return [part.split("}")[0] for part in template.split("{")[1:]]


def test_an_unknown_department_is_named():
    with pytest.raises(DepartmentUnknown, match="astrology"):
        language("astrology")
    with pytest.raises(DepartmentUnknown):
        sample_sheet(random.Random(1), "astrology")


def test_rare_names_are_rare():
    drawn = [name(random.Random(seed), "rare") for seed in range(300)]
    assert any("·" in each for each in drawn)
    assert any(len(each) == 4 and "·" not in each for each in drawn)
    usual = set("".join(name(random.Random(seed)) for seed in range(2000)))
    assert len(set("".join(drawn)) - usual) > 200


def test_a_patient_has_the_age_asked_for():
    for seed in range(100):
        assert 50 <= sample_patient(random.Random(seed)).age <= 90


def test_characters_and_terms():
    han = han_characters()
    assert len(han) == 3755
    assert han[0] == "啊"
    assert han[-1] == "座"
    terms = template_terms()
    assert len(set(terms)) == len(terms)
    assert {"眼压", "白内障超声乳化摘除联合人工晶状体植入术", "未提供", "mmHg"} <= set(terms)
    assert len(placeholder_tokens()) == 10
    assert {"\uff0c", "。", "\uff1a", "、"} <= set(punctuation())


def test_the_room_is_cheap_to_import():
    code = (
        "import models.reference.corpus, models.reference.checking, sys;"
        "print([m for m in ('torch','numpy','pydantic','transformers') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
