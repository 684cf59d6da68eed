"""How a vendor's command-line tool is asked, and how its tables are taken apart."""

import re
from collections.abc import Callable, Sequence
from typing import Final

ToolRunner = Callable[[Sequence[str]], str | None]
"""Runs argv and returns its output; None when the program is not installed."""

MEBIBYTE: Final = 1 << 20
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


class OutputUnknown(ValueError):
    """A tool printed something that its parser does not know."""


def first_number(text: str) -> float | None:
    """The first number in a text, or None ("N/A", "-")."""
    found = _NUMBER.search(text)
    return float(found.group()) if found else None


def cells(line: str) -> list[str]:
    """The cells of one row of a table drawn with "|"."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
