"""How entries are found that no index knows yet: by request or receipt, or by looking at each."""

from dataclasses import dataclass
from typing import Final

Leaf = tuple[int, bytes]
"""index, leaf."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for among entries that no index knows yet.

    Args:
        column: "request" or "receipt", where one is asked for; then the rest does not matter.
        value: its value.
        tags: first and last tag.
        actors: first and last actor.
        needles: two pieces of every leaf that is meant.
    """

    column: str | None
    value: str | None
    tags: tuple[str, str]
    actors: tuple[str, str]
    needles: tuple[bytes, bytes]

    def question(self, first: int, end: int) -> tuple[str, tuple[object, ...]]:
        """The statement, and all its values but the limit."""
        if self.column is not None:
            return _BY_COLUMN[self.column], (self.value, first, end)
        return _BY_SPAN, (first, end, *self.tags, *self.actors, *self.needles)


_SELECT: Final = "SELECT idx, leaf FROM entries "
_NEWEST_FIRST: Final = "AND idx >= ? AND idx < ? ORDER BY idx DESC LIMIT ?"
_BY_COLUMN: Final = {
    "request": _SELECT + "WHERE request = ? " + _NEWEST_FIRST,
    "receipt": _SELECT + "WHERE receipt = ? " + _NEWEST_FIRST,
}
_BY_SPAN: Final = (
    _SELECT + "WHERE idx >= ? AND idx < ? AND tag BETWEEN ? AND ? AND actor BETWEEN ? AND ?"
    " AND instr(leaf, ?) AND instr(leaf, ?) ORDER BY idx DESC LIMIT ?"
)
