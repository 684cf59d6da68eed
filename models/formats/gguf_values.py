"""Reading GGUF metadata: keys and typed values, with limits on every count and length."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from models.formats.refusals import GgufMalformed, quoted
from models.formats.view import Cursor

UINT32: Final = 4
INT32: Final = 5
FLOAT32: Final = 6
BOOL: Final = 7
STRING: Final = 8
ARRAY: Final = 9

# Value type ids of the GGUF specification (ggml/docs/gguf.md), little-endian.
_SCALARS: Final = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")

MAX_KEYS: Final = 65_536
MAX_KEY_BYTES: Final = 1_024
MAX_STRING_BYTES: Final = 16 << 20
MAX_ARRAY_ITEMS: Final = 1 << 26
# Largest vocabulary known has 262 k tokens and 514 k merges; the rest is margin. The limit also
# bounds the time of a parse: a million strings take half a second.
MAX_STRINGS: Final = 1_000_000
_KEPT_ITEMS: Final = 4_096
_PRINTABLE: Final = frozenset(range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class ArrayValue:
    """An array in the metadata.

    Attributes:
        item_type: GGUF value type id of the items.
        count: Number of items.
        items: The items themselves when they are few numbers, else empty.
    """

    item_type: int
    count: int
    items: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A metadata value with its GGUF type id."""

    type: int
    content: int | float | str | ArrayValue


class MetadataReader:
    """Reads the key-value part of a GGUF header and refuses whatever is not plain."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._strings_left = MAX_STRINGS

    def read(self, count: int) -> Mapping[str, Value]:
        """Reads `count` pairs.

        Raises:
            GgufMalformed: Any rule of the specification or of our limits is broken.
        """
        # A pair takes at least 8 (length) + 1 (key) + 4 (type) + 1 (value) bytes.
        if count > self._cursor.remaining // 14:
            raise GgufMalformed.by("count", what="metadata", count=count)
        if count > MAX_KEYS:
            raise GgufMalformed.by("limit", what="metadata", count=count, limit=MAX_KEYS)
        values: dict[str, Value] = {}
        for _ in range(count):
            key = self._key()
            if key in values:
                raise GgufMalformed.by("key-duplicate", name=quoted(key))
            values[key] = self._value(key)
        return MappingProxyType(values)

    def _key(self) -> str:
        raw = self._bytes("metadata key", MAX_KEY_BYTES)
        if not raw or not _PRINTABLE.issuperset(raw):
            raise GgufMalformed.by("key-name", name=quoted(raw))
        return raw.decode("ascii")

    def _bytes(self, where: str, limit: int) -> bytes:
        length = int(self._cursor.number(_U64, where))
        if length > self._cursor.remaining or length > limit:
            raise GgufMalformed.by("string-length", where=where, count=length)
        return self._cursor.take(length, where)

    def _value(self, key: str) -> Value:
        kind = int(self._cursor.number(_U32, "value type"))
        if kind == ARRAY:
            return Value(kind, self._array(key))
        if kind == STRING:
            return Value(kind, self._text(key))
        layout = _SCALARS.get(kind)
        if layout is None:
            raise GgufMalformed.by("value-type", name=quoted(key), type=kind)
        number = self._cursor.number(layout, "value")
        _check_number(key, kind, number)
        return Value(kind, number)

    def _text(self, key: str) -> str:
        raw = self._bytes(quoted(key), MAX_STRING_BYTES)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise GgufMalformed.by("utf8", where=quoted(key)) from error
        if "\0" in text:
            raise GgufMalformed.by("nul", where=quoted(key))
        return text

    def _array(self, key: str) -> ArrayValue:
        kind = int(self._cursor.number(_U32, "array type"))
        count = int(self._cursor.number(_U64, "array length"))
        if kind == ARRAY:
            raise GgufMalformed.by("array-nested", name=quoted(key))
        if kind == STRING:
            return self._string_array(key, count)
        layout = _SCALARS.get(kind)
        if layout is None:
            raise GgufMalformed.by("value-type", name=quoted(key), type=kind)
        if count > self._cursor.remaining // layout.size:
            raise GgufMalformed.by("count", what=quoted(key), count=count)
        if count > MAX_ARRAY_ITEMS:
            raise GgufMalformed.by("limit", what=quoted(key), count=count, limit=MAX_ARRAY_ITEMS)
        if count > _KEPT_ITEMS and kind != BOOL:
            self._cursor.skip(count * layout.size, "array")
            return ArrayValue(kind, count)
        return self._number_array(key, kind, count)

    def _number_array(self, key: str, kind: int, count: int) -> ArrayValue:
        raw = self._cursor.take(count * _SCALARS[kind].size, "array")
        if kind == BOOL and raw.translate(None, b"\x00\x01"):
            raise GgufMalformed.by("bool", name=quoted(key))
        if count > _KEPT_ITEMS:
            return ArrayValue(kind, count)
        items = tuple(row[0] for row in _SCALARS[kind].iter_unpack(raw))
        return ArrayValue(kind, count, items)

    def _string_array(self, key: str, count: int) -> ArrayValue:
        if count > self._cursor.remaining // 8:
            raise GgufMalformed.by("count", what=quoted(key), count=count)
        if count > self._strings_left:
            raise GgufMalformed.by("limit", what=quoted(key), count=count, limit=MAX_STRINGS)
        self._strings_left -= count
        self._cursor.pass_strings(count, quoted(key), MAX_STRING_BYTES)
        return ArrayValue(STRING, count)


def _check_number(key: str, kind: int, number: float) -> None:
    if kind == BOOL and number not in {0, 1}:
        raise GgufMalformed.by("bool", name=quoted(key))
    if not math.isfinite(number):
        raise GgufMalformed.by("not-finite", name=quoted(key))
