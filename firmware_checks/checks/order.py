"""How two versions of one firmware stand to each other."""

import re
from collections.abc import Sequence
from typing import Final

_PIECE: Final = re.compile(r"[0-9]+|[A-Za-z]+")
_HEXADECIMAL: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]+)*")


def compared(version: str, other: str, *, hexadecimal: bool = False) -> int | None:
    """How two versions of one firmware stand to each other.

    Args:
        version: What runs.
        other: What it is compared with.
        hexadecimal: Whether groups of digits are hexadecimal (VBIOS, microcode).

    Returns:
        Below, at or above zero; None when they are not of one shape, so that nobody can tell.
    """
    if version == other:
        return 0
    if hexadecimal:
        if not (_HEXADECIMAL.fullmatch(version) and _HEXADECIMAL.fullmatch(other)):
            return None
        left = [int(part, 16) for part in version.split(".")]
        right = [int(part, 16) for part in other.split(".")]
        return (left > right) - (left < right) if len(left) == len(right) else None
    return _by_pieces(_PIECE.findall(version), _PIECE.findall(other))


def _by_pieces(left: Sequence[str], right: Sequence[str]) -> int | None:
    for one, two in zip(left, right, strict=False):
        if one.isdecimal() != two.isdecimal():
            return None
        first = (int(one), "") if one.isdecimal() else (0, one.casefold())
        second = (int(two), "") if two.isdecimal() else (0, two.casefold())
        if first != second:
            return 1 if first > second else -1
    return (len(left) > len(right)) - (len(left) < len(right))
