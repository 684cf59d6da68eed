"""The Merkle tree of RFC 6962 as the auditor sees it: entries, proofs and exported tiles."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from secure_compute.verifier.reading import HASH_SIZE, read_part

if TYPE_CHECKING:
    from pathlib import Path

TILE_WIDTH, GROUP = 256, 1000


def hash_leaf(entry: bytes) -> bytes:
    """The hash of an entry's exact bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(peaks: list[bytes]) -> bytes:
    """The root over complete subtrees, largest first."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = hash_node(peak, value)
    return value


def append_leaf(peaks: list[bytes], size: int, value: bytes) -> None:
    """Add leaf number `size` to the complete subtrees of the leaves before it."""
    while size & 1:
        value, size = hash_node(peaks.pop(), value), size >> 1
    peaks.append(value)


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


class Tiles(NamedTuple):
    """The hash tiles of an export (C2SP tlog-tiles); untrusted, so good only for making proofs."""

    folder: Path
    size: int

    def hashes(self, row: int, tile: int) -> bytes:
        """The content of a tile; row r holds hashes of level 8 r."""
        width = min(TILE_WIDTH, (self.size >> (8 * row)) - TILE_WIDTH * tile)
        name = f"{tile % GROUP:03d}" + ("" if width == TILE_WIDTH else f".p/{width}")
        while tile >= GROUP:
            tile //= GROUP
            name = f"x{tile % GROUP:03d}/{name}"
        return read_part(self.folder, f"tile/{row}/{name}")

    def node(self, level: int, index: int) -> bytes:
        """The root of the 2^level leaves from index * 2^level."""
        row, up = divmod(level, 8)
        tile, offset = divmod(index << up, TILE_WIDTH)
        data = self.hashes(row, tile)
        peaks: list[bytes] = []
        for i in range(1 << up):
            append_leaf(peaks, i, data[HASH_SIZE * (offset + i) :][:HASH_SIZE])
        return fold(peaks)

    def root(self, start: int, end: int) -> bytes:
        """The root over leaves [start, end)."""
        peaks = []
        while start < end:
            level = (end - start).bit_length() - 1
            peaks.append(self.node(level, start >> level))
            start += 1 << level
        return fold(peaks)

    def extends(self, old: int, old_root: bytes, new_root: bytes) -> bool:
        """Whether one set of hashes leads to both roots: the consistency proof of RFC 6962 2.1.2."""
        start, end = 0, self.size
        path: list[tuple[bytes, bool]] = []
        while old != end:
            middle = start + (1 << ((end - start - 1).bit_length() - 1))
            if old <= middle:
                path.append((self.root(middle, end), False))
                end = middle
            else:
                path.append((self.root(start, middle), True))
                start = middle
        before = after = self.root(start, end)
        for sibling, in_both in reversed(path):
            before = hash_node(sibling, before) if in_both else before
            after = hash_node(sibling, after) if in_both else hash_node(after, sibling)
        return before == old_root and after == new_root
