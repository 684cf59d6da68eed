"""The lessons: seeded, short ones first, one style a note, and never a real identity."""

import random
import re

import pytest

from models.reference.placeholders import TOKENS
from models.training import lessons
from models.training.corpus import plan_batches


def test_the_same_seed_gives_the_same_lessons():
    assert list(lessons.lessons(3, 40)) == list(lessons.lessons(3, 40))
    assert list(lessons.lessons(3, 40)) != list(lessons.lessons(4, 40))


def test_short_lessons_come_first():
    found = list(lessons.lessons(3, 200))
    half = len(found) // 2
    first = sum(len(one.prompt) for one in found[:half])
    assert first < 0.5 * sum(len(one.prompt) for one in found[half:])


def test_shares_add_up():
    for mix in (lessons.MIX, lessons.BEGINNING):
        assert sum(mix.values()) == pytest.approx(1)
        assert set(mix) <= {*lessons._SHEETS, "copy"}


def test_scrambled_values_still_stand_in_the_note():
    chance = random.Random(4)
    for _ in range(20):
        sheet = lessons._scrambled(chance)
        lesson = lessons._note(sheet, chance)
        body = lesson.prompt.split("<|im_start|>user\n")[1]
        for value in re.findall(r"(?:右眼|左眼)(?:角膜|眼底)([^，\n]+)", body):
            assert value.split("<")[0] in lesson.answer


def test_a_note_keeps_one_style():
    chance = random.Random(4)
    sheet = lessons._cataract("ordinary")(chance)
    notes = {lessons._note(sheet, random.Random(seed)).answer for seed in range(60)}
    assert len(notes) == 3


def test_identity_is_masked_in_notes():
    chance = random.Random(4)
    for _ in range(20):
        lesson = lessons._note(lessons._cataract("odd")(chance), chance)
        assert TOKENS["patient.name"] in lesson.prompt
        assert not re.search(r"\d{15}|1\d{10}", lesson.prompt + lesson.answer)


def test_a_course_keeps_its_order_and_a_shuffle_does_not():
    import numpy as np

    sizes = np.concatenate([np.full(4000, 40), np.full(4000, 400)])
    course = plan_batches(sizes, 2048, seed=1, epoch=0, ordered=True)
    assert sorted(np.concatenate(course).tolist()) == list(range(8000))
    means = [sizes[rows].mean() for rows in course]
    assert max(means[: len(means) // 20]) == 40
    assert min(means[-10:]) == 400
    mixed = plan_batches(sizes, 2048, seed=1, epoch=0)
    assert len({float(sizes[rows].mean()) for rows in mixed[:20]}) > 1
