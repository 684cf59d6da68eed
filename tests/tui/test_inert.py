"""No text from the box steers the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.inert import inert, inert_lines


def test_an_escape_is_shown_and_does_nothing() -> None:
    assert inert("\x1b[31mred\x07") == "␛[31mred␇"


def test_marks_that_turn_the_reading_direction_are_replaced() -> None:
    assert inert("a\u202eb\u2066c\u200f") == "a\ufffdb\ufffdc\ufffd"


def test_a_line_break_is_visible_on_one_line_and_kept_on_many() -> None:
    assert inert("a\nb") == "a⏎b"
    assert inert_lines("a\r\nb\tc") == "a\nb    c"


def test_names_stay_whole() -> None:
    for name in ("阿卜杜拉·买买提", "欧阳修远", "䶮", "𠮷田", "O'Brien-Müller", "\ue000"):
        assert inert(name) == name


def test_piled_marks_are_cut() -> None:
    assert inert("a" + "\u0301" * 50) == "a" + "\u0301" * 3


def test_long_text_is_cut() -> None:
    assert inert("x" * 1000, 10) == "x" * 10 + "…"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200))
def test_nothing_but_printable_signs_is_left(text: str) -> None:
    shown = inert(text)
    assert {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()


@pytest.mark.parametrize("given_", [None, 3, 1.5, {"a": 1}])
def test_whatever_json_holds_can_be_shown(given_: object) -> None:
    assert inert(given_) == str(given_)
