"""Which idle models make room for another one: least recently used first, never one in vain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.planning.reservations import Claim


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could give back what it holds; `used` is when it was last used, in seconds."""

    name: str
    claim: Claim
    used: float


def choose(lacking: Claim, candidates: Sequence[Candidate]) -> tuple[Candidate, ...] | None:
    """Pick who makes room, in the order of their last use.

    Args:
        lacking: What is missing, by place; every amount above zero.
        candidates: Who could give back, none of them busy or pinned.

    Returns:
        The fewest of the least recently used that free enough, leaving out those that would be
        put out in vain; None when all of them together are not enough.
    """
    left = dict(lacking)
    chosen: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: one.used):
        if not left:
            break
        if any(one.claim.get(place, 0) for place in left):
            chosen.append(one)
            left = _less(left, one.claim)
    if left:
        return None
    # A large one that came late may have made an earlier small one unnecessary.
    for one in list(chosen):
        rest = [other for other in chosen if other is not one]
        if not _left_after(lacking, rest):
            chosen = rest
    return tuple(chosen)


def _less(left: Mapping[str, int], claim: Claim) -> dict[str, int]:
    return {
        place: amount - claim.get(place, 0)
        for place, amount in left.items()
        if amount > claim.get(place, 0)
    }


def _left_after(lacking: Claim, chosen: Sequence[Candidate]) -> dict[str, int]:
    left = dict(lacking)
    for one in chosen:
        left = _less(left, one.claim)
    return left
