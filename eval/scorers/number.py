"""Scores a number in an answer: whole numbers exactly, others within a tolerance."""

import re
import unicodedata

from eval.case import Answer, Case, Score

# The number that follows the last sign of a result, else the last number of the text.
RESULT = re.compile(
    r"(?:答案|结果|answer|result|=|≈|为|约|是|is)\s*[::]?\s*([-+]?\d[\d,]*(?:\.\d+)?)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
LONGEST = 4000


def read_number(text: str) -> float | None:
    """The number an answer commits itself to, or None."""
    plain = unicodedata.normalize("NFKC", text[-LONGEST:]).replace("−", "-")
    found = RESULT.findall(plain) or NUMBER.findall(plain)
    return float(found[-1].replace(",", "")) if found else None


def score_number(case: Case, answer: Answer) -> Score:
    """Compare with `key["value"]`; `key["tolerance"]` is relative, 0 asks for the exact number."""
    said = read_number(answer.text)
    value, tolerance = float(case.key["value"]), float(case.key["tolerance"])
    passed = said is not None and abs(said - value) <= tolerance * abs(value) + 1e-9
    return Score(case.id, passed, int(passed), 1, note="" if passed else f"{said} / {value:g}")
