"""C2SP tlog-tiles: where hash tiles lie, what they hold, and reading nodes from them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from secure_compute.errors import TreeRangeInvalid
from secure_compute.merkle import HASH_SIZE, NodeReader, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
KEPT: Final = 32
"""Tiles whose inner nodes a `TileNodes` keeps, 40 kB each."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Consecutive hashes of one tree level that is a multiple of 8.

    Attributes:
        level: Tile level; its hashes stand on tree level 8 * level.
        index: Which tile of the level, from the left.
        width: Hashes in it; 256 when full.
    """

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last after an x."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{self.level}/{'/'.join(groups)}{partial}"


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """The tiles of a tree of `size` leaves, less those full at `since` leaves already."""
    level = 0
    while size >> (HEIGHT * level):
        hashes = size >> (HEIGHT * level)
        first = since >> (HEIGHT * (level + 1))
        for index in range(first, hashes // WIDTH):
            yield Tile(level, index)
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH)
        level += 1


def tile_bytes(nodes: NodeReader, tile: Tile) -> bytes:
    """The content of a tile: `tile.width` hashes of 32 bytes."""
    first = tile.index * WIDTH
    return b"".join(nodes.node(HEIGHT * tile.level, first + i) for i in range(tile.width))


class TileNodes:
    """A node reader over stored tiles; levels between tiles are hashed once for each tile."""

    def __init__(self, load: Callable[[Tile], bytes], size: int) -> None:
        """Read from tiles.

        Args:
            load: Gives the bytes of a tile that `tiles_of(size)` names.
            size: Leaves in the tree that the tiles were written for.
        """
        self._load = load
        self._size = size
        self._known: dict[Tile, list[list[bytes]]] = {}

    def node(self, level: int, index: int) -> bytes:
        """The root of a complete subtree.

        Raises:
            TreeRangeInvalid: The tree is too small for it, or a tile has the wrong length.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise TreeRangeInvalid(
                reason="node {index} on level {level} is not complete", index=index, level=level
            )
        tile_level, up = divmod(level, HEIGHT)
        tile_index, offset = divmod(index << up, WIDTH)
        hashes = (self._size >> (HEIGHT * tile_level)) - tile_index * WIDTH
        tile = Tile(tile_level, tile_index, min(hashes, WIDTH))
        return self._levels(tile)[up][offset >> up]

    def hashes(self, tile: Tile) -> bytes:
        """The content of a tile, as `tile_bytes` makes it but at once.

        Raises:
            TreeRangeInvalid: It has the wrong length.
        """
        data = self._load(tile)
        if len(data) != tile.width * HASH_SIZE:
            raise TreeRangeInvalid(
                reason="{path} holds {size} bytes", path=tile.path, size=len(data)
            )
        return data

    def _levels(self, tile: Tile) -> list[list[bytes]]:
        """The hashes of a tile, and the complete subtrees above them level by level.

        Proofs of neighbours read the same few tiles again and again, so these are kept.
        """
        known = self._known.get(tile)
        if known is not None:
            return known
        data = self.hashes(tile)
        level = [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
        levels = [level]
        while len(level) > 1:
            level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
            levels.append(level)
        if len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
        self._known[tile] = levels
        return levels
