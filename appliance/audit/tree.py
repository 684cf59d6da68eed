"""The growing Merkle tree of the log: its right edge in memory, finished tiles for the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from secure_compute.merkle import Frontier
from secure_compute.tiles import HEIGHT, WIDTH

_LEVELS: Final = 8
"""Tile levels kept in memory: enough for 2^64 leaves."""


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile of 256 hashes that will not change any more.

    Args:
        level: tile level; its hashes stand on tree level 8 * level.
        index: which tile of the level.
        hashes: 256 hashes of 32 bytes, joined.
        root: the root over them.
    """

    level: int
    index: int
    hashes: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class GrowingTree:
    """All that appending needs; immutable, so that a failed commit leaves nothing to undo.

    Args:
        frontier: size and peaks of the tree (RFC 6962).
        rows: for each tile level, the hashes of its unfinished tile.
    """

    frontier: Frontier = field(default_factory=Frontier)
    rows: tuple[tuple[bytes, ...], ...] = ()

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return self.frontier.size

    def grow(self, hashes: Sequence[bytes]) -> tuple["GrowingTree", tuple[FullTile, ...]]:
        """Append leaves.

        Args:
            hashes: leaf hashes, 32 bytes each.

        Returns:
            The new tree and the tiles that became full, lowest level first.
        """
        if len(hashes) == 1 and self.rows and len(self.rows[0]) < WIDTH - 1:
            # The usual commit of a quiet box: no tile becomes full, and few nodes are new.
            row = (*self.rows[0], hashes[0])
            return GrowingTree(self.frontier.append(hashes[0]), (row, *self.rows[1:])), ()
        frontier, runs = self.frontier.extend(hashes)
        fresh = {run.level: run.hashes for run in runs if run.level % HEIGHT == 0}
        rows: list[tuple[bytes, ...]] = []
        full: list[FullTile] = []
        for level in range(_LEVELS):
            row = self.rows[level] if level < len(self.rows) else ()
            row += fresh.get(HEIGHT * level, ())
            if not row:
                break
            roots = fresh.get(HEIGHT * (level + 1), ())
            first = (frontier.size >> (HEIGHT * (level + 1))) - len(roots)
            full.extend(
                FullTile(level, first + i, b"".join(row[i * WIDTH : (i + 1) * WIDTH]), root)
                for i, root in enumerate(roots)
            )
            rows.append(row[len(roots) * WIDTH :])
        return GrowingTree(frontier, tuple(rows)), tuple(full)
