"""The recovery key on paper: 256 bits in Crockford base 32, five signs a group, a check in each."""

import unicodedata
from typing import Final, NoReturn

from secure_compute.errors import KeyMalformed, RecoveryKeyMistyped
from secure_compute.secret import Secret

SIZE: Final = 32
GROUPS: Final = 13
_DATA: Final = 4
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {sign: value for value, sign in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_POLYNOMIAL: Final = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)
_SPARE_BITS: Final = GROUPS * _DATA * 5 - SIZE * 8
_MAX_TEXT: Final = 1000


def recovery_text(key: Secret) -> str:
    """Write a 32-byte key as 13 groups of 5 signs, joined by dashes."""
    if len(key) != SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    number = int.from_bytes(key.reveal(), "big") << _SPARE_BITS
    count = GROUPS * _DATA
    signs = [(number >> (5 * (count - 1 - i))) & 31 for i in range(count)]
    groups = [signs[i : i + _DATA] for i in range(0, count, _DATA)]
    return "-".join(
        "".join(_ALPHABET[sign] for sign in (*group, _check(group, number)))
        for number, group in enumerate(groups)
    )


def parse_recovery(text: str) -> Secret:
    """Read a recovery key as a person types it.

    Case, spaces, dashes and full-width forms do not matter; O reads as 0, I and L as 1.

    Raises:
        RecoveryKeyMistyped: Signs are missing, too many or impossible, or a group's check fails; the
            sentence names the group, counted from 1.
    """
    signs = _signs(text)
    if len(signs) != GROUPS * (_DATA + 1):
        want = GROUPS * (_DATA + 1)
        _refuse(
            f"应有 {want} 个字符,实有 {len(signs)} 个", f"it has {len(signs)} signs, not {want}"
        )
    number = 0
    for index in range(GROUPS):
        group = signs[index * (_DATA + 1) :][: _DATA + 1]
        if _check(group[:_DATA], index) != group[_DATA]:
            _refuse(f"第 {index + 1} 组不对", f"group {index + 1} is wrong")
        for sign in group[:_DATA]:
            number = number << 5 | sign
    if number & ((1 << _SPARE_BITS) - 1):
        _refuse(f"第 {GROUPS} 组不对", f"group {GROUPS} is wrong")
    return Secret((number >> _SPARE_BITS).to_bytes(SIZE, "big"))


def _signs(text: str) -> list[int]:
    if len(text) > _MAX_TEXT:
        _refuse("内容太长", "the text is too long")
    signs: list[int] = []
    for sign in unicodedata.normalize("NFKC", text).upper():
        if sign.isspace() or unicodedata.category(sign) == "Pd":
            continue
        if sign not in _VALUES:
            place = len(signs) // (_DATA + 1) + 1
            _refuse(f"第 {place} 组有不可能出现的字符", f"group {place} holds an impossible sign")
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


def _refuse(zh: str, en: str) -> NoReturn:
    raise RecoveryKeyMistyped(reason_zh=zh, reason=en)
