"""Canonical JSON against the rfc8785 package, and everything it must refuse."""

import enum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from secure_compute.canonical import MAX_DEPTH, canonical_bytes, parse_canonical
from secure_compute.errors import NotCanonical

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = TEXTS | st.text(
    st.sampled_from("a\ue000\uffee\U0001f600\U00010000\ud7ff\x00\x7f"), max_size=3
)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES)
def test_equal_to_the_reference_package_and_back(value):
    data = canonical_bytes(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data) == value


def test_keys_sort_by_utf16_units_not_by_code_points():
    value = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "a": {"\uffff": 0, "\U00010000": 1}}
    assert list(parse_canonical(canonical_bytes(value))) == ["a", "\u20ac", "\U0001f600", "\ufb33"]
    assert canonical_bytes(value) == rfc8785.dumps(value)


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        {"a": [1, 2.5]},
        2**53,
        -(2**53),
        {1: 2},
        {None: 2},
        (1, 2),
        {1, 2},
        b"bytes",
        Colour.RED,
        {Colour.RED: 1},
        "\ud800",
        {"\ud800": 1},
        {"\ud800\U0001f600": 1},
        memoryview(b"view"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_outside_the_subset_are_refused(value):
    with pytest.raises(NotCanonical):
        canonical_bytes(value)


def test_the_refusal_of_a_float_says_why():
    with pytest.raises(NotCanonical, match=r"小数.*floating-point"):
        canonical_bytes({"weight": 61.5})


def test_depth_is_bounded_both_ways():
    deep: object = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert parse_canonical(canonical_bytes(deep)) == deep
    with pytest.raises(NotCanonical, match="nests"):
        canonical_bytes([deep])
    with pytest.raises(NotCanonical):
        parse_canonical(b"[" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"a":2}',
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":1}\n',
        " 1",
        '"\\u0041"',
        '"\\/"',
        '"\\u000A"',
        "1.0",
        "1e3",
        "-0",
        "9007199254740992",
        "123456789012345678901234567890",
        "NaN",
        "\ufeff1",
        "",
        "{",
        '"\\ud800"',
        '{"\U0001f600":1,"\ufb33":2}'[::-1],
        '{"\ufb33":1,"\U0001f600":2}',
    ],
)
def test_other_spellings_are_refused(text):
    with pytest.raises(NotCanonical):
        parse_canonical(text.encode())


def test_bytes_that_are_not_utf8_are_refused():
    with pytest.raises(NotCanonical):
        parse_canonical(b'"\xff"')
