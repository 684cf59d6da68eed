"""A suite: the questions of one run, fixed by ability, seed and number, with a digest of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from eval.ability import TENDER_SIZE, Ability
from eval.case import Case
from secure_compute.canonical import canonical_bytes
from secure_compute.digest import digest_bytes


@dataclass(frozen=True, slots=True)
class Suite:
    """The questions of one ability in one run.

    Attributes:
        digest: `sha256:<hex>` over every case's id, messages and key, so that two boxes can tell that they
            asked the same. Keys are digested as text, since canonical JSON knows no floats.
        facts: how many distinct facts the keys rest on.
    """

    ability: Ability
    seed: int
    cases: tuple[Case, ...]
    digest: str
    facts: int

    @property
    def below_tender_size(self) -> bool:
        """True when the suite is too small to be called a full examination."""
        return len(self.cases) < TENDER_SIZE


def build_suite(ability: Ability, seed: int, limit: int | None) -> Suite:
    """The first `limit` questions of an ability (all of them when None)."""
    cases = tuple(islice(ability.cases(seed), limit))
    return Suite(ability, seed, cases, _digest(cases), len({case.fact for case in cases}))


def _digest(cases: Sequence[Case]) -> str:
    listed = [
        {
            "id": case.id,
            "messages": [dict(message) for message in case.messages],
            "key": repr(sorted(case.key.items())),
        }
        for case in cases
    ]
    return str(digest_bytes(canonical_bytes(listed)))
