"""C2SP tlog-tiles: where hash tiles lie, what they hold, and reading nodes from them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from secure_compute.errors import TreeRangeInvalid
from secure_compute.merkle import HASH_SIZE, NodeReader, root_of

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT


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
    """A node reader over stored tiles; levels between tiles are hashed again."""

    def __init__(self, load: Callable[[Tile], bytes], size: int) -> None:
        """Read from tiles.

        Args:
            load: Gives the bytes of a tile that `tiles_of(size)` names.
            size: Leaves in the tree that the tiles were written for.
        """
        self._load = load
        self._size = size
        self._last: tuple[Tile, bytes] | None = None

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
        first = index << up
        tile_index, offset = divmod(first, WIDTH)
        hashes = (self._size >> (HEIGHT * tile_level)) - tile_index * WIDTH
        data = self._tile(Tile(tile_level, tile_index, min(hashes, WIDTH)))
        row = [
            data[(offset + i) * HASH_SIZE : (offset + i + 1) * HASH_SIZE] for i in range(1 << up)
        ]
        return root_of(row)

    def _tile(self, tile: Tile) -> bytes:
        if self._last is None or self._last[0] != tile:
            data = self._load(tile)
            if len(data) != tile.width * HASH_SIZE:
                raise TreeRangeInvalid(
                    reason="{path} holds {size} bytes", path=tile.path, size=len(data)
                )
            self._last = (tile, data)
        return self._last[1]
