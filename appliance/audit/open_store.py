"""How entries are found that no index knows yet: by looking at the columns of each."""

from dataclasses import dataclass
from typing import Final

Leaf = tuple[int, bytes]
"""index, leaf."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for among entries that no index knows yet.

    Args:
        tags: first and last tag.
        actors: first and last actor.
        needles: two pieces of every leaf that is meant.
    """

    tags: tuple[str, str]
    actors: tuple[str, str]
    needles: tuple[bytes, bytes]

    def values(self, first: int, end: int) -> tuple[object, ...]:
        """What `BY_SPAN` asks for, all but its limit."""
        return first, end, *self.tags, *self.actors, *self.needles


BY_SPAN: Final = (
    "SELECT idx, leaf FROM entries"
    " WHERE idx >= ? AND idx < ? AND tag BETWEEN ? AND ? AND actor BETWEEN ? AND ?"
    " AND instr(leaf, ?) AND instr(leaf, ?) ORDER BY idx DESC LIMIT ?"
)
