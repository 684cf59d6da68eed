"""JSON without its ambiguities: no duplicate keys, no NaN, no huge number or depth."""

import json
import math
from typing import Any, Final

from models.formats.refusals import FileRefused, quoted

# Lists, objects and members of one document; the largest tokenizer known has two million. Up to
# sixty bytes of memory stand behind each.
_MOST_PARTS: Final = 8_000_000
_PARTS: Final = (b"[", b"{", b",")


def parse_json(raw: bytes, where: str, refusal: type[FileRefused]) -> Any:
    """Parses JSON strictly (RFC 8259, UTF-8, no byte order mark).

    Args:
        raw: The document.
        where: What it is, for the sentence of the refusal.
        refusal: The class of refusal to raise.

    Returns:
        The document as Python values.

    Raises:
        FileRefused: The document is malformed; of the class given as `refusal`.
    """
    parts = sum(raw.count(mark) for mark in _PARTS)
    if parts > _MOST_PARTS:
        raise refusal.by("limit", what=f"{where} [ {{ ,", count=parts, limit=_MOST_PARTS)
    reader = _Reader(where, refusal)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal.by("utf8", where=where) from error
    if text.startswith("\ufeff"):
        raise refusal.by("json", where=where, why="byte order mark")
    try:
        return json.loads(
            text,
            object_pairs_hook=reader.pairs,
            parse_constant=reader.constant,
            parse_float=reader.fraction,
        )
    except json.JSONDecodeError as error:
        why = f"{error.msg} ({error.pos})"
        raise refusal.by("json", where=where, why=why) from error
    except ValueError as error:
        # The interpreter itself refuses whole numbers of more than 4,300 digits.
        raise refusal.by("json-number", where=where) from error
    except RecursionError as error:
        # The standard scanner gives up at the interpreter's recursion limit.
        raise refusal.by("json-depth", where=where) from error


class _Reader:
    """The hooks of one parse; they raise where the standard parser would guess."""

    def __init__(self, where: str, refusal: type[FileRefused]) -> None:
        self._where = where
        self._refusal = refusal

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise self._refusal.by("json-duplicate", where=self._where, name=quoted(key))
                seen.add(key)
        return found

    def constant(self, _name: str) -> float:
        raise self._refusal.by("json-number", where=self._where)

    def fraction(self, digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise self._refusal.by("json-number", where=self._where)
        return number
