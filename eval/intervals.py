"""Intervals and tests for shares: Wilson, cluster-robust, McNemar, Holm."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """A share between 0 and 1 with its bounds."""

    share: float
    low: float
    high: float


def wilson(hits: int, parts: int, confidence: float = 0.95) -> Interval:
    """The Wilson score interval of a binomial share.

    Source: E. B. Wilson, JASA 22 (1927) 209-212. With no parts nothing is known: 0 to 1.

    Raises:
        ValueError: `hits` outside 0..`parts`.
    """
    if not 0 <= hits <= parts:
        raise ValueError(f"{hits} of {parts}")
    if parts == 0:
        return Interval(0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = hits / parts
    centre = (share + z * z / (2 * parts)) / (1 + z * z / parts)
    spread = z * math.sqrt(share * (1 - share) / parts + z * z / (4 * parts * parts))
    spread /= 1 + z * z / parts
    low = 0.0 if hits == 0 else max(0.0, centre - spread)
    high = 1.0 if hits == parts else min(1.0, centre + spread)
    return Interval(share, low, high)


def clustered(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> Interval:
    """The interval of a pooled share whose parts come in clusters (fields of one note are kin).

    Source: the ratio estimator's linearised variance, W. G. Cochran, Sampling Techniques, 3rd ed.,
    section 6.3. With one cluster the bounds are 0 and 1.

    Args:
        counts: `(hits, parts)` of every cluster.
        confidence: of the interval, between 0 and 1.
    """
    parts = sum(of for _, of in counts)
    if parts == 0:
        return Interval(0.0, 0.0, 1.0)
    share = sum(hits for hits, _ in counts) / parts
    clusters = len(counts)
    if clusters == 1:
        return Interval(share, 0.0, 1.0)
    squares = sum((hits - share * of) ** 2 for hits, of in counts)
    error = math.sqrt(squares * clusters / (clusters - 1)) / parts
    if error == 0.0:
        # Every cluster agrees (all right, say): the linearised error is blind, fall back on cases.
        whole = sum(1 for hits, of in counts if hits == of)
        bounds = wilson(whole, clusters, confidence)
        return Interval(share, min(share, bounds.low), max(share, bounds.high))
    spread = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    return Interval(share, max(0.0, share - spread), min(1.0, share + spread))


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value that two models differ, from the cases that only one passed.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157, exact binomial form.
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    fewer = min(only_first, only_second)
    tail = sum(math.comb(discordant, k) for k in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values that keep the family-wise error (S. Holm, Scand. J. Statist. 6 (1979))."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    ordered = sorted(p_values.items(), key=lambda item: (item[1], item[0]))
    for rank, (name, p) in enumerate(ordered):
        highest = max(highest, min(1.0, p * (len(ordered) - rank)))
        adjusted[name] = highest
    return adjusted
