"""An ability: what is examined, by which generated questions, scored how."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from eval.case import Answer, Case, Score

TENDER_SIZE = 2000
"""Questions that an ability needs before its score may be called a full examination."""

KeyClass = Literal["P", "R", "N"]
"""P: key computed from an open table or formula; R: real labelled data; N: needs physicians."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One of the 27 abilities.

    Attributes:
        cases: `(seed) -> Iterator[Case]`, endless or finite, the same for the same seed.
        score: `(case, answer) -> Score`, pure.
        metric: what `hits / parts` of all cases together means.
    """

    id: str
    zh: str
    en: str
    key_class: KeyClass
    metric: str
    cases: Callable[[int], Iterator[Case]]
    score: Callable[[Case, Answer], Score]
