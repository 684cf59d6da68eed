"""A contradiction between two facts, and the small readings that the rules share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.reference.facts import AdmissionFacts, EyeFindings


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two fields that disagree; severity is refuse (no note) or flag (a person has to look)."""

    code: str
    fields: tuple[str, str]
    zh: str
    en: str
    severity: str = "refuse"


Found = Iterator[Conflict]
Rule = Callable[[AdmissionFacts], Found]


def sides(eye: str | None) -> frozenset[str]:
    """The eyes that a word means: 双眼 means both."""
    return frozenset({"双眼": ("右眼", "左眼")}.get(eye or "", (eye,) if eye else ()))


def joined(sides: frozenset[str]) -> str:
    """The Chinese word for a set of eyes."""
    return "双眼" if len(sides) > 1 else next(iter(sides))


def joined_en(sides: frozenset[str]) -> str:
    """The English word for a set of eyes."""
    return {"右眼": "the right eye", "左眼": "the left eye", "双眼": "both eyes"}[joined(sides)]


def eyes(facts: AdmissionFacts) -> Iterator[tuple[str, str, EyeFindings]]:
    """The eyes that have findings: key, word, findings."""
    for key, side, eye in (
        ("right_eye", "右眼", facts.right_eye),
        ("left_eye", "左眼", facts.left_eye),
    ):
        if eye is not None:
            yield key, side, eye
