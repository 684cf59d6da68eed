"""Scores an answer against format constraints that a program can decide."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from eval.case import Answer, Case, Score

LONGEST = 20_000


def _json_keys(text: str, limit: Any) -> bool:
    body = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == set(limit)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def _numbered(text: str, limit: Any) -> bool:
    lines = _lines(text)
    return len(lines) == limit and all(
        re.match(rf"{number}[..、)]", line) for number, line in enumerate(lines, 1)
    )


JUDGES: Mapping[str, Callable[[str, Any], bool]] = {
    "json_keys": _json_keys,
    "line_count": lambda text, limit: len(_lines(text)) == limit,
    "numbered": _numbered,
    "bulleted": lambda text, limit: (
        len(_lines(text)) == limit and all(line.startswith("- ") for line in _lines(text))
    ),
    "at_most_chars": lambda text, limit: 0 < len(text.strip()) <= limit,
    "at_least_chars": lambda text, limit: len(text.strip()) >= limit,
    "contains": lambda text, limit: limit in text,
    "avoids": lambda text, limit: bool(text.strip()) and limit not in text,
    "no_digits": lambda text, _: bool(text.strip()) and not re.search(r"\d", text),
    "starts_with": lambda text, limit: text.strip().startswith(limit),
    "ends_with": lambda text, limit: text.strip().endswith(limit),
    "only_choice": lambda text, limit: text.strip() in limit,
}
"""Constraint name -> judge of `(text, limit)`. An empty answer satisfies none of them."""


def score_constraints(case: Case, answer: Answer) -> Score:
    """Every constraint of `key["constraints"]` (a list of `[name, limit]`) must hold."""
    constraints = case.key["constraints"]
    text = answer.text[:LONGEST]
    broken = [name for name, limit in constraints if not JUDGES[name](text, limit)]
    hits = len(constraints) - len(broken)
    return Score(case.id, not broken, hits, len(constraints), note=" ".join(broken))
