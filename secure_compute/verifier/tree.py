"""The Merkle tree of RFC 6962 as the auditor sees it: hashes, proofs and exported tiles."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from secure_compute.verifier.reading import HASH_SIZE, Head, Refused, read_part

if TYPE_CHECKING:
    from pathlib import Path

TILE_WIDTH, TILE_HEIGHT, GROUP, KEPT_TILES = 256, 8, 1000, 64


def hash_leaf(entry: bytes) -> bytes:
    """The hash of an entry's exact bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_leaves(entries: list[bytes]) -> bytes:
    """The hashes of many entries, joined."""
    # A copy of a hash that was begun costs less than beginning one: half of OpenSSL's time for so
    # few bytes goes into looking its own algorithm up.
    begun, found = hashlib.sha256(b"\x00").copy, []
    for entry in entries:
        hasher = begun()
        hasher.update(entry)
        found.append(hasher.digest())
    return b"".join(found)


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def hash_row(row: bytes) -> bytes:
    """The hashes of the pairs of a row of joined hashes; one without a partner is left out."""
    begun, found = hashlib.sha256(b"\x01").copy, []
    for at in range(0, len(row) - HASH_SIZE, 2 * HASH_SIZE):
        hasher = begun()
        hasher.update(row[at : at + 2 * HASH_SIZE])
        found.append(hasher.digest())
    return b"".join(found)


def fold(peaks: list[bytes]) -> bytes:
    """The root over complete subtrees, largest first."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = hash_node(peak, value)
    return value


def climb(value: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2); None where it does not fit."""
    last = size - 1
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return None
        if index & 1 or index == last:
            value = hash_node(sibling, value)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            value = hash_node(value, sibling)
        index, last = index >> 1, last >> 1
    return value if last == 0 else None


class Tiles:
    """The hash tiles of an export (C2SP tlog-tiles), believed only where they lead to the root."""

    def __init__(self, folder: Path, head: Head) -> None:
        self.folder, self.head = folder, head
        self.rows: dict[tuple[int, int], list[bytes]] = {}
        self.proven: set[tuple[int, int]] = set()

    def name(self, row: int, tile: int) -> str:
        """Where a tile lies; the last one of a row may be partial."""
        width = self.width(row, tile)
        name = f"{tile % GROUP:03d}" + ("" if width == TILE_WIDTH else f".p/{width}")
        while tile >= GROUP:
            tile //= GROUP
            name = f"x{tile % GROUP:03d}/{name}"
        return f"tile/{row}/{name}"

    def width(self, row: int, tile: int) -> int:
        """How many hashes a tile holds."""
        return min(TILE_WIDTH, (self.head.size >> (TILE_HEIGHT * row)) - TILE_WIDTH * tile)

    def load(self, row: int, tile: int) -> list[bytes]:
        """A tile and the complete subtrees above its hashes, level by level, each joined."""
        known = self.rows.get((row, tile))
        if known is not None:
            return known
        name, width = self.name(row, tile), self.width(row, tile)
        data = read_part(self.folder, name, TILE_WIDTH * HASH_SIZE)
        if len(data) != width * HASH_SIZE:
            raise Refused(f"{name} 被截断或加长", f"{name} was cut or made longer")
        levels = [data]
        while len(levels[-1]) > HASH_SIZE:
            levels.append(hash_row(levels[-1]))
        if len(self.rows) >= KEPT_TILES:
            self.rows.pop(next(iter(self.rows)))
        self.rows[row, tile] = levels
        return levels

    def node(self, level: int, index: int) -> bytes:
        """The root of the 2^level leaves from index * 2^level."""
        row, up = divmod(level, TILE_HEIGHT)
        tile, offset = divmod(index << up, TILE_WIDTH)
        return self.load(row, tile)[up][HASH_SIZE * (offset >> up) :][:HASH_SIZE]

    def root(self, start: int, end: int) -> bytes:
        """The root over leaves [start, end), start being a multiple of its largest subtree."""
        peaks = []
        while start < end:
            level = (end - start).bit_length() - 1
            peaks.append(self.node(level, start >> level))
            start += 1 << level
        return fold(peaks)

    def prove(self, row: int, tile: int) -> bytes:
        """The joined hashes of a tile, once they have been shown to lead to the checkpoint's root.

        The right edge of every row folds to the root; a full tile's root stands in the tile above.
        """
        if not self.proven:
            if self.root(0, self.head.size) != self.head.root:
                raise Refused(
                    "tile/ 中最右侧的节点与检查点的根不符:至少一个节点文件被改动",
                    "The right edge of tile/ does not lead to the checkpoint's root: a tile was "
                    "altered",
                )
            self.proven.add((-1, -1))
        levels = self.load(row, tile)
        if (row, tile) not in self.proven:
            if len(levels[0]) == TILE_WIDTH * HASH_SIZE and self.head.size >> (
                TILE_HEIGHT * (row + 1)
            ):
                above, at = divmod(tile, TILE_WIDTH)
                if self.prove(row + 1, above)[HASH_SIZE * at :][:HASH_SIZE] != levels[-1]:
                    name = self.name(row, tile)
                    raise Refused(
                        f"{name} 被改动,与检查点的根不符",
                        f"{name} was altered: it does not lead to the checkpoint's root",
                    )
            self.proven.add((row, tile))
        return levels[0]

    def extends(self, old: Head) -> bool:
        """Whether one set of hashes leads to both roots: the consistency proof of RFC 6962 2.1.2."""
        start, end = 0, self.head.size
        path: list[tuple[bytes, bool]] = []
        while old.size != end:
            middle = start + (1 << ((end - start - 1).bit_length() - 1))
            if old.size <= middle:
                path.append((self.root(middle, end), False))
                end = middle
            else:
                path.append((self.root(start, middle), True))
                start = middle
        before = after = self.root(start, end)
        for sibling, in_both in reversed(path):
            before = hash_node(sibling, before) if in_both else before
            after = hash_node(sibling, after) if in_both else hash_node(after, sibling)
        return before == old.root and after == self.head.root
