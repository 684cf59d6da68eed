"""Canonical JSON: RFC 8785 (JCS) over text, integers, booleans, null, lists and dictionaries."""

from typing import Any, Final

import orjson

from secure_compute.errors import NotCanonical

MAX_DEPTH: Final = 64
"""Lists and dictionaries may nest this deep; deeper input is refused, not recursed into."""

_INT_LIMIT: Final = 2**53
_FIRST_NON_BMP: Final = "\U00010000"
_CONTAINERS: Final = (dict, list)
_SCALARS: Final = frozenset((str, bool, type(None)))
_PLAIN: Final = _SCALARS | {int}
_TEXT: Final = frozenset((str,))
Json = Any


def canonical_bytes(value: object) -> bytes:
    """Write a value as RFC 8785 canonical JSON in UTF-8.

    Floating-point numbers are refused: two languages may print the same number differently, and a
    hash over such text cannot be re-checked elsewhere. Subclasses (enumerations, named tuples) are
    refused too, since what they print is not what they are.

    Args:
        value: `None`, `bool`, `str`, `int` with an absolute value below 2^53, `list`, or `dict`
            with `str` keys, nested at most `MAX_DEPTH` deep.

    Returns:
        The one canonical encoding; equal values give equal bytes.

    Raises:
        NotCanonical: The value lies outside the subset.
    """
    wide_keys = _inspect(value, 0)
    # RFC 8785 3.2.3 sorts keys by UTF-16 code units, orjson by code points. The orders differ only
    # once a key holds a character beyond the basic plane, so only then are keys sorted here.
    try:
        if wide_keys:
            return orjson.dumps(_sorted_by_utf16(value))
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise NotCanonical(
            reason_zh="文本含有不成对的代理码", reason="a text holds a lone surrogate"
        ) from error


def parse_canonical(data: bytes) -> Json:
    """Read canonical JSON, refusing every other way of writing the same value.

    Duplicate keys, spaces, other key orders, other escapes, floating-point numbers and a byte order
    mark are all refused, because writing the value again must give exactly the bytes read.

    Args:
        data: The whole document in UTF-8.

    Returns:
        The value.

    Raises:
        NotCanonical: The bytes are not JSON, or not the canonical encoding of what they say.
    """
    try:
        value: Json = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise NotCanonical(
            reason_zh="不是合法的 UTF-8 JSON", reason="the bytes are not valid JSON in UTF-8"
        ) from error
    if canonical_bytes(value) != bytes(data):
        raise NotCanonical(
            reason_zh="键重复、键序不对、有多余空格或写法不同",
            reason="keys repeat or are out of order, or there are spaces or other spellings",
        )
    return value


def _inspect(value: object, depth: int) -> bool:
    """Check the types of a value; True when a key lies beyond the basic plane."""
    kind = type(value)
    if kind in _SCALARS:
        return False
    if kind is int:
        _check_int(value)
        return False
    if kind not in _CONTAINERS:
        raise _refusal(kind)
    if depth == MAX_DEPTH:
        raise NotCanonical(
            reason_zh=f"嵌套超过 {MAX_DEPTH} 层", reason=f"it nests deeper than {MAX_DEPTH} levels"
        )
    if kind is list:
        return _inspect_items(value, depth + 1)
    return _inspect_dict(value, depth + 1)


def _inspect_items(values: Any, depth: int) -> bool:
    # Sets of types are made by the interpreter itself; a step of Python for each item is not.
    kinds = set(map(type, values))
    if int in kinds:
        numbers = [value for value in values if type(value) is int]
        _check_int(min(numbers))
        _check_int(max(numbers))
    if kinds <= _PLAIN:
        return False
    wide = False
    for value in values:
        if type(value) not in _PLAIN:
            wide |= _inspect(value, depth)
    return wide


def _inspect_dict(value: Any, depth: int) -> bool:
    if not _TEXT.issuperset(map(type, value)):
        raise NotCanonical(reason_zh="字典的键必须是文本", reason="a dictionary key is not text")
    keys = "".join(value)
    wide = not keys.isascii() and max(keys) >= _FIRST_NON_BMP
    return _inspect_items(value.values(), depth) or wide


def _check_int(value: Any) -> None:
    if not -_INT_LIMIT < value < _INT_LIMIT:
        raise NotCanonical(
            reason_zh="整数的绝对值不小于 2^53", reason="an integer is not below 2^53"
        )


def _refusal(kind: type) -> NotCanonical:
    if kind is float:
        return NotCanonical(
            reason_zh="小数在不同语言里写法不同,摘要无法复核",
            reason="a floating-point number prints differently elsewhere, which breaks its hash",
        )
    return NotCanonical(
        reason_zh=f"类型 {kind.__name__} 不被接受",
        reason=f"the type {kind.__name__} is not accepted",
    )


def _sorted_by_utf16(value: Any) -> Any:
    if type(value) is list:
        return [_sorted_by_utf16(item) for item in value]
    if type(value) is dict:
        keys = sorted(value, key=_utf16_units)
        return {key: _sorted_by_utf16(value[key]) for key in keys}
    return value


def _utf16_units(key: str) -> bytes:
    # Big-endian bytes compare like the code units; orjson refuses a lone surrogate.
    return key.encode("utf-16-be", "surrogatepass")
