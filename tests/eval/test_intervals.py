"""Intervals against published and exactly computed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.intervals import clustered, holm, mcnemar, wilson


@pytest.mark.parametrize(
    ("hits", "parts", "low", "high"),
    [  # R. G. Newcombe, Stat. Med. 17 (1998) 857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_bounds(hits, parts, low, high):
    found = wilson(hits, parts)
    assert found.low == pytest.approx(low, abs=6e-5)
    assert found.high == pytest.approx(high, abs=6e-5)


@given(st.integers(0, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share_and_stays_in_bounds(counts):
    hits, parts = counts
    found = wilson(hits, parts)
    assert 0.0 <= found.low <= found.share <= found.high <= 1.0


def test_wilson_refuses_more_hits_than_parts():
    with pytest.raises(ValueError, match="5 of 4"):
        wilson(5, 4)


def test_kin_fields_widen_the_interval():
    scattered = [(9, 10)] * 50 + [(10, 10)] * 50
    lumped = [(0, 10)] * 5 + [(10, 10)] * 95
    assert clustered(scattered).share == clustered(lumped).share == 0.95
    wide, narrow = clustered(lumped), clustered(scattered)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_perfect_run_is_no_certainty():
    found = clustered([(10, 10)] * 30)
    assert found.share == found.high == 1.0
    assert found.low == pytest.approx(wilson(30, 30).low)


def test_one_cluster_says_nothing_about_spread():
    assert clustered([(5, 10)]) == clustered([(5, 10)])
    assert (clustered([(5, 10)]).low, clustered([(5, 10)]).high) == (0.0, 1.0)


def test_mcnemar_is_exact():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 10) == pytest.approx(2 / 1024)
    assert mcnemar(10, 0) == mcnemar(0, 10)


def test_holm_is_monotone_and_bounded():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == {
        "d": pytest.approx(0.02),
        "a": pytest.approx(0.03),
        "c": pytest.approx(0.06),
        "b": pytest.approx(0.06),
    }
