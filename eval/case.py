"""A case: one question with its key, the answer a model gave, and the score it earned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    `fact` names what the key rests on: beside the number of cases stands the number of distinct facts.
    `key` is what the scorer compares with; it never travels to the model.
    """

    id: str
    ability: str
    messages: tuple[Mapping[str, str], ...]
    key: Mapping[str, Any]
    fact: str
    max_tokens: int = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one case. `error` is set, and `text` empty, if it said nothing."""

    case: str
    text: str
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What an answer earned.

    `passed` is the headline of the case. `hits` of `parts` are the finer count (fields of a note,
    constraints of a format); `marks` are further counts by name, each `(hits, parts)`.
    """

    case: str
    passed: bool
    hits: int = 0
    parts: int = 1
    marks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    note: str = ""
