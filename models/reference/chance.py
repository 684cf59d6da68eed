"""Chance for the samplers: a yes with a given share, a few of a pool."""

import random
from collections.abc import Sequence


def chance(rng: random.Random, share: float) -> bool:
    """Yes, with a probability between 0 and 1."""
    return rng.random() < share


def some(rng: random.Random, pool: Sequence[str], most: int, least: int = 0) -> list[str]:
    """A few different words of a pool, `least` to `most` of them."""
    return rng.sample(pool, min(len(pool), rng.randint(least, most)))
