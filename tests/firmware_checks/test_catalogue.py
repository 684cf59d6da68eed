"""The list of checks and its reference page agree, and every check speaks both languages."""

import re
from pathlib import Path

import pytest

from firmware_checks import errors
from firmware_checks.catalogue import CHECKS, reference_markdown

PAGE = Path(__file__).parents[2] / "docs/reference/firmware-checks.md"
CHINESE = re.compile(r"[一-鿿]")


def test_the_page_is_the_one_written_from_the_list():
    assert PAGE.read_text(encoding="utf-8") == reference_markdown()


def test_names_are_unique_and_levels_known():
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids) >= 70
    assert all(re.fullmatch(r"[a-z-]+\.[a-z-]+", name) for name in ids)
    assert {check.level for check in CHECKS} == {1, 2, 3, 4}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_speaks_both_languages(check):
    for text in (check.zh.title, check.zh.harm, check.zh.remedy):
        assert text
        assert CHINESE.search(text) or "BIOS" in text
    for text in (check.en.title, check.en.harm, check.en.remedy):
        assert text
        assert not CHINESE.search(text)
    assert check.references
    assert check.judge.__doc__


def test_every_error_has_a_code_a_sentence_and_a_way_out():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.FirmwareError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds) > 5
    for kind in kinds:
        assert CHINESE.search(kind.zh)
        assert CHINESE.search(kind.way_out_zh)
        assert not CHINESE.search(kind.en + kind.way_out_en)
