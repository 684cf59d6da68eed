"""A ratio tells how far it can be trusted, and one disturbed round moves nothing."""

import pytest

from tests.benchmarks.storage_rounds import judged, ratio_of


def test_the_median_of_paired_rounds_and_its_range():
    ours = [10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 10.0, 11.0, 9.0, 10.0, 10.0]
    ratio = ratio_of(ours, [10.0] * 12)
    assert ratio.middle == pytest.approx(1.0)
    # Twelve rounds: the third smallest and the third largest hold the median with 96 %.
    assert (ratio.low, ratio.high) == (pytest.approx(0.9), pytest.approx(1.1))
    assert ratio.sure


def test_one_round_that_the_machine_spent_on_something_else_moves_nothing():
    ratio = ratio_of([0.01, *[1.0] * 11], [1.0] * 12)
    assert (ratio.low, ratio.middle, ratio.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("rounds", "sure"), [(1, False), (5, False), (6, True)])
def test_too_few_rounds_say_so(rounds, sure):
    ratio = ratio_of([1.0 + number for number in range(rounds)], [1.0] * rounds)
    assert ratio.sure is sure
    assert ("too few" in str(ratio)) is not sure
    assert (ratio.low, ratio.high) == (1.0, float(rounds))


def test_rounds_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="argument"):
        ratio_of([1.0, 2.0], [1.0])


def test_a_verdict_is_printed(capsys):
    assert judged("loading", ratio_of([0.95], [1.0]), 0.9)
    assert not judged("loading", ratio_of([0.85], [1.0]), 0.9)
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["met", "MISSED"]
