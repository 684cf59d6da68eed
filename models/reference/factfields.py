"""Typed fields of a fact sheet: what JSON may say, checked once and described as JSON Schema."""

import dataclasses
import datetime as dt
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from models.errors import FactsUnreadable

FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\u200b-\u200f\u202a-\u202e⟦⟧<>{}]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ACUITY = re.compile(
    r"[0-9](?:\.[0-9]{1,2})?|数指(?:/[0-9]{1,3}cm)?|手动(?:/[0-9]{1,3}cm)?|光感|无光感"
)
# An acuity is a small number; a huge one is not even written out.
_LARGEST = 100

Check = Callable[[Any, str], Any]
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: how it is checked and how JSON Schema says it."""

    check: Check
    schema: Json


def wrong(field: str, zh: str, en: str) -> FactsUnreadable:
    """The refusal of one field."""
    return FactsUnreadable(field=field or "$", reason_zh=zh, reason_en=en)


def text(longest: int = 40, pattern: str | None = None) -> Any:
    """A field of plain text without control characters, brackets or line breaks."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise wrong(path, "应为文字", "a text is expected")
        found = value.strip()
        if not found or len(found) > longest:
            raise wrong(path, f"长度应为 1 到 {longest}", f"1 to {longest} characters are expected")
        if FORBIDDEN.search(found) or SURROGATE.search(found):
            raise wrong(path, "含有不允许的字符", "it holds a character that is not allowed")
        if compiled and not compiled.fullmatch(found):
            raise wrong(path, "格式不对", f"it does not match {pattern}")
        return found

    schema: Json = {"type": "string", "minLength": 1, "maxLength": longest}
    # "\W" speaks of Unicode here but of ASCII in JSON Schema's dialect: such a pattern stays here.
    if pattern and "\\W" not in pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return _field(Kind(check, schema))


def choice(*words: str) -> Any:
    """A field that is one of a few words."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in words:
            listed = "、".join(words)
            raise wrong(path, f"应为其中之一：{listed}", f"one of {listed} is expected")
        return value

    return _field(Kind(check, {"enum": list(words)}))


def whole(low: int, high: int) -> Any:
    """A field that is a whole number between two bounds."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(path, "应为整数", "a whole number is expected")
        _bounded(value, low, high, path)
        return value

    return _field(Kind(check, {"type": "integer", "minimum": low, "maximum": high}))


def number(low: float, high: float) -> Any:
    """A field that is a finite number between two bounds."""

    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(path, "应为数字", "a number is expected")
        if isinstance(value, float) and not math.isfinite(value):
            raise wrong(path, "应为有限的数字", "a finite number is expected")
        _bounded(value, low, high, path)
        return value

    return _field(Kind(check, {"type": "number", "minimum": low, "maximum": high}))


def date() -> Any:
    """A field that is a calendar date, YYYY-MM-DD (ISO 8601)."""

    def check(value: Any, path: str) -> dt.date:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise wrong(path, "应为日期 YYYY-MM-DD", "a date YYYY-MM-DD is expected")
        try:
            return dt.date.fromisoformat(value)
        except ValueError as error:
            raise wrong(path, "日历上没有这一天", "there is no such day") from error

    return _field(Kind(check, {"type": "string", "format": "date"}))


def acuity() -> Any:
    """A field of visual acuity: a decimal, or 数指/30cm, 手动/20cm, 光感, 无光感."""

    def check(value: Any, path: str) -> str:
        small = isinstance(value, int | float) and -_LARGEST < value < _LARGEST
        found = written(value) if small else value
        if isinstance(value, bool) or not isinstance(found, str):
            raise wrong(path, "应为视力", "a visual acuity is expected")
        if not _ACUITY.fullmatch(found):
            raise wrong(
                path, "应为小数视力、数指、手动或光感", "a decimal acuity, CF, HM or LP is expected"
            )
        return found

    return _field(
        Kind(check, {"type": ["string", "number"], "pattern": f"^(?:{_ACUITY.pattern})$"})
    )


def listed(item: Any, most: int) -> Any:
    """A field that is a list of at most `most` items of another field's kind, or of a record."""
    return dataclasses.field(default=None, metadata={"item": item, "most": most})


def record() -> Any:
    """A field that is a nested record."""
    return dataclasses.field(default=None, metadata={"record": True})


def written(value: float) -> str:
    """A number as a note writes it: no exponent, no needless zeros."""
    return str(value) if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")


def _field(kind: Kind) -> Any:
    return dataclasses.field(default=None, metadata={"kind": kind})


def _bounded(value: float, low: float, high: float, path: str) -> None:
    if not low <= value <= high:
        raise wrong(path, f"应在 {low} 到 {high} 之间", f"{low} to {high} is expected")


def read(record_type: type[Any], value: Any, path: str = "") -> Any:
    """A record of `record_type` from JSON.

    Raises:
        FactsUnreadable: an unknown key, a wrong type or a value out of range; names the field.
    """
    if not isinstance(value, Mapping):
        raise wrong(path, "应为对象", "an object is expected")
    fields = {field.name: field for field in dataclasses.fields(record_type)}
    for key in value:
        if key not in fields:
            shown = re.sub(r"[^\w.-]", "?", str(key))[:40]
            raise wrong(_join(path, shown), "没有这个字段", "there is no such field")
    hints = typing.get_type_hints(record_type)
    found = {
        name: _read_field(field, hints[name], value[name], _join(path, name))
        for name, field in fields.items()
        if value.get(name) is not None
    }
    return record_type(**found)


def _read_field(field: dataclasses.Field[Any], hint: Any, value: Any, path: str) -> Any:
    if field.metadata.get("record"):
        return read(_record_type(hint), value, path)
    if "item" not in field.metadata:
        return field.metadata["kind"].check(value, path)
    if not isinstance(value, list) or len(value) > field.metadata["most"]:
        most = field.metadata["most"]
        raise wrong(path, f"应为至多 {most} 项的列表", f"a list of at most {most} is expected")
    item = field.metadata["item"]
    if isinstance(item, type):
        return tuple(read(item, each, f"{path}.{n}") for n, each in enumerate(value))
    check = item.metadata["kind"].check
    return tuple(check(each, f"{path}.{n}") for n, each in enumerate(value))


def plain(value: Any) -> Any:
    """The JSON form of a record: absent fields are left out."""
    if dataclasses.is_dataclass(value):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: plain(each) for name, each in pairs if each is not None}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def schema_of(record_type: type[Any]) -> Json:
    """The JSON Schema (2020-12) of a record type."""
    hints = typing.get_type_hints(record_type)
    properties = {f.name: _field_schema(f, hints[f.name]) for f in dataclasses.fields(record_type)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _field_schema(field: dataclasses.Field[Any], hint: Any) -> Json:
    if field.metadata.get("record"):
        return schema_of(_record_type(hint))
    if "item" not in field.metadata:
        return dict(field.metadata["kind"].schema)
    item = field.metadata["item"]
    inner = schema_of(item) if isinstance(item, type) else dict(item.metadata["kind"].schema)
    return {"type": "array", "maxItems": field.metadata["most"], "items": inner}


def _record_type(hint: Any) -> type[Any]:
    if isinstance(hint, types.UnionType):
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    return typing.cast("type[Any]", hint)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
