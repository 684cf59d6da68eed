"""Key bytes as text for people: Crockford base 32, five signs a group, the last of them a check."""

import unicodedata
from collections.abc import Callable
from typing import Final

Refuse = Callable[[str, str], Exception]
"""Makes the refusal from what is wrong, in Chinese and in English."""

_DATA: Final = 4
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {sign: value for value, sign in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_POLYNOMIAL: Final = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)
_MAX_TEXT: Final = 1000
_BETWEEN: Final = frozenset("PSZC")
"""Punctuation, symbols, separators and controls: what editors and input methods put between groups."""


def groups_for(size: int) -> int:
    """How many groups `size` bytes take."""
    return -(-size * 8 // (_DATA * 5))


def grouped(data: bytes) -> str:
    """Write bytes as groups of 5 signs, joined by dashes."""
    groups = groups_for(len(data))
    number = int.from_bytes(data, "big") << _spare(len(data))
    count = groups * _DATA
    signs = [(number >> (5 * (count - 1 - i))) & 31 for i in range(count)]
    rows = [signs[i : i + _DATA] for i in range(0, count, _DATA)]
    return "-".join(
        "".join(_ALPHABET[sign] for sign in (*row, _check(row, index)))
        for index, row in enumerate(rows)
    )


def ungrouped(text: str, size: int, refuse: Refuse) -> bytes:
    """Read what `grouped` wrote, as a person types it.

    Case, full-width forms and whatever stands between the signs (spaces, dashes of any kind, other
    punctuation, marks that nobody sees) do not matter; O reads as 0, I and L as 1.

    Args:
        text: What was typed.
        size: How many bytes it stands for.
        refuse: Makes the refusal when signs are missing, too many or impossible, or a group's check
            fails; it is told the group, counted from 1.
    """
    signs = _signs(text, refuse)
    groups = groups_for(size)
    want = groups * (_DATA + 1)
    if len(signs) != want:
        zh = f"应有 {want} 个字符,实有 {len(signs)} 个"
        raise refuse(zh, f"it has {len(signs)} signs, not {want}")
    number = 0
    for index in range(groups):
        group = signs[index * (_DATA + 1) :][: _DATA + 1]
        if _check(group[:_DATA], index) != group[_DATA]:
            raise _wrong_group(index + 1, refuse)
        for sign in group[:_DATA]:
            number = number << 5 | sign
    if number & ((1 << _spare(size)) - 1):
        raise _wrong_group(groups, refuse)
    return (number >> _spare(size)).to_bytes(size, "big")


def _spare(size: int) -> int:
    return groups_for(size) * _DATA * 5 - size * 8


def _wrong_group(number: int, refuse: Refuse) -> Exception:
    return refuse(f"第 {number} 组不对", f"group {number} is wrong")


def _signs(text: str, refuse: Refuse) -> list[int]:
    if len(text) > _MAX_TEXT:
        raise refuse("内容太长", "the text is too long")
    signs: list[int] = []
    for sign in unicodedata.normalize("NFKC", text).upper():
        if sign.isspace() or unicodedata.category(sign)[0] in _BETWEEN:
            continue
        if sign not in _VALUES:
            place = len(signs) // (_DATA + 1) + 1
            raise refuse(
                f"第 {place} 组有不可能出现的字符", f"group {place} holds an impossible sign"
            )
        signs.append(_VALUES[sign])
    return signs


def _check(group: list[int], index: int) -> int:
    """A sum over GF(32) with a weight for each place, shifted by the group's index.

    Any one wrong sign, any two swapped signs and any two swapped groups change it.
    """
    value = index
    for place, sign in enumerate(group):
        value ^= _times(sign, 2 << place)
    return value


def _times(left: int, right: int) -> int:
    product = 0
    while right:
        if right & 1:
            product ^= left
        left, right = left << 1, right >> 1
        if left & 32:
            left ^= _POLYNOMIAL
    return product
