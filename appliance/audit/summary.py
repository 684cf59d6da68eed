"""Summaries: which tags and actors a tile of 256 entries names, so that a search can skip it."""

from collections.abc import Iterable, Sequence

from secure_compute.tiles import WIDTH

Name = tuple[str, str]
"""Tag and actor of one entry."""

_MARK = "\n"


def words_of(names: Iterable[Name]) -> str:
    """The distinct tags and actors of a tile, each between line feeds, sorted."""
    pairs = set(names)
    found = {f"t {tag}" for tag, _ in pairs} | {f"a {actor}" for _, actor in pairs}
    return _MARK + _MARK.join(sorted(found)) + _MARK


def needle(*, tag: str | None, actor: str | None) -> tuple[str, str]:
    """What to look for in the words of a tile: for a tag (or its beginning and "*") and an actor.

    What is not asked for is the line feed, which stands in every summary.
    """
    tagged = _MARK
    if tag is not None:
        tagged = f"{_MARK}t {tag[:-1]}" if tag.endswith("*") else f"{_MARK}t {tag}{_MARK}"
    return tagged, _MARK if actor is None else f"{_MARK}a {actor}{_MARK}"


def fold(
    pending: Sequence[Name], fresh: Sequence[Name], size: int
) -> tuple[tuple[Name, ...], tuple[tuple[int, str], ...]]:
    """Add names and take out the tiles that became full.

    Args:
        pending: names of the unfinished tile.
        fresh: names of new entries.
        size: entries in the log before them.

    Returns:
        The names of the unfinished tile now, and (tile, words) for each that is full.
    """
    names = (*pending, *fresh)
    tile, full = size // WIDTH, []
    while len(names) >= WIDTH:
        full.append((tile, words_of(names[:WIDTH])))
        tile, names = tile + 1, names[WIDTH:]
    return names, tuple(full)
