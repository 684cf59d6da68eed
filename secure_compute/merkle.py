"""The Merkle tree of RFC 6962: hashes, an append-only frontier, proofs and their verification."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Protocol

from secure_compute.errors import ProofInvalid, TreeRangeInvalid
from secure_compute.prefixed import prefixed_hashes

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""MTH({}): the root of the tree without leaves (RFC 6962 2.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 over 0x00 and the entry (RFC 6962 2.1)."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hash of each entry, in order."""
    return prefixed_hashes(b"\x00", entries)


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01, left and right (RFC 6962 2.1)."""
    return sha256(b"\x01" + left + right).digest()


class NodeReader(Protocol):
    """Where the hashes of complete subtrees are kept."""

    def node(self, level: int, index: int) -> bytes:
        """The root of the 2^level leaves that begin at index * 2^level; 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class NodeRun:
    """Complete subtree roots that an append brought into being, side by side on one level.

    Attributes:
        level: Height; 0 holds leaf hashes.
        first: Index of the first hash within the level.
        hashes: 32-byte values at first, first + 1, ...
    """

    level: int
    first: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that appending and the root need, at most 64 hashes.

    Attributes:
        size: Leaves in the tree.
        peaks: Roots of the complete subtrees that make up the tree, largest (leftmost) first: one
            for each set bit of size.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        size, peaks = self.size, len(self.peaks)
        if size < 0 or size.bit_count() != peaks:
            reason = "{size} leaves cannot have {peaks} peaks"
            raise TreeRangeInvalid(reason=reason, size=size, peaks=peaks)
        if any(len(peak) != HASH_SIZE for peak in self.peaks):
            raise TreeRangeInvalid(reason="a peak is not 32 bytes")

    def root(self) -> bytes:
        """The tree's root; O(log n)."""
        return _fold(self.peaks)

    def append(self, hash_of_leaf: bytes) -> "Frontier":
        """The frontier with one more leaf; O(1) on average, O(log n) at worst."""
        peaks = list(self.peaks)
        carry, bits = hash_of_leaf, self.size
        while bits & 1:
            carry = node_hash(peaks.pop(), carry)
            bits >>= 1
        return Frontier(self.size + 1, (*peaks, carry))

    def extend(self, hashes: Sequence[bytes]) -> tuple["Frontier", tuple[NodeRun, ...]]:
        """Append many leaves at once, level by level.

        Args:
            hashes: Leaf hashes, 32 bytes each, in order.

        Returns:
            The new frontier, and every subtree that became complete, leaves included, lowest level
            first: what a node store must keep.
        """
        runs: list[NodeRun] = []
        waiting = list(self.peaks)  # complete subtrees without a right neighbour, smallest last
        peaks: list[bytes] = []
        fresh, level, start = list(hashes), 0, self.size
        while fresh or waiting:
            if fresh:
                runs.append(NodeRun(level, start, tuple(fresh)))
            row = [waiting.pop(), *fresh] if start & 1 else fresh
            if len(row) & 1:
                peaks.append(row[-1])
            pairs = [a + b for a, b in zip(row[::2], row[1::2], strict=False)]
            fresh = prefixed_hashes(b"\x01", pairs) if pairs else []
            start, level = start >> 1, level + 1
        return Frontier(self.size + len(hashes), tuple(reversed(peaks))), tuple(runs)

    @classmethod
    def from_nodes(cls, nodes: NodeReader, size: int) -> "Frontier":
        """The frontier of a stored tree's first `size` leaves."""
        return cls(size, tuple(nodes.node(level, index) for level, index in _cover(0, size)))


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over a whole list of leaf hashes."""
    return Frontier().extend(hashes)[0].root()


def subtree_root(nodes: NodeReader, start: int, end: int) -> bytes:
    """The root over leaves [start, end); start is a multiple of the rounded-up power of two."""
    return _fold(tuple(nodes.node(level, index) for level, index in _cover(start, end)))


def inclusion_proof(nodes: NodeReader, index: int, size: int) -> list[bytes]:
    """The audit path PATH(index, D[size]) of RFC 6962 2.1.1, the leaf's sibling first.

    Raises:
        TreeRangeInvalid: The tree of this size has no such leaf.
    """
    if not 0 <= index < size:
        raise TreeRangeInvalid(
            reason="leaf {index} of {size} does not exist", index=index, size=size
        )
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_root(nodes, middle, end))
            end = middle
        else:
            path.append(subtree_root(nodes, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(nodes: NodeReader, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2: that the old tree is a prefix of the new one.

    Raises:
        TreeRangeInvalid: Not 0 < old <= new; nothing needs proving about the empty tree.
    """
    if not 0 < old <= new:
        raise TreeRangeInvalid(
            reason="a tree of {old} leaves cannot grow into one of {new}", old=old, new=new
        )
    proof: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(subtree_root(nodes, middle, end))
            end = middle
        else:
            proof.append(subtree_root(nodes, start, middle))
            start = middle
    if start:  # the old tree's own root is known to the verifier; a part of it is not
        proof.append(subtree_root(nodes, start, end))
    return proof[::-1]


def verify_inclusion(
    hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf stands at `index` in the tree with this root (RFC 9162 2.1.3.2).

    Raises:
        ProofInvalid: It does not, or the proof is malformed.
    """
    _require(0 <= index < size, "leaf {index} of {size} does not exist", index=index, size=size)
    _require_hashes((hash_of_leaf, root, *proof))
    at, last, value = index, size - 1, hash_of_leaf
    for sibling in proof:
        _require(last > 0, "the proof is too long")
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    _require(last == 0, "the proof is too short")
    holds = compare_digest(value, root)
    _require(holds, "leaf {index} is not in the tree with this root", index=index)


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the old tree is a prefix of the new one (RFC 9162 2.1.4.2).

    Raises:
        ProofInvalid: It is not, the proof is malformed, or old is 0 while new is not.
    """
    _require(
        0 <= old <= new, "a tree of {old} leaves cannot grow into one of {new}", old=old, new=new
    )
    _require_hashes((old_root, new_root, *proof))
    if old == new:
        _require(not proof, "equal sizes need no proof")
        _require(compare_digest(old_root, new_root), "two roots for one tree size")
        return
    _require(old > 0, "every tree follows from the empty one, so there is nothing to prove")
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    _require(bool(path), "the proof is too short")
    low, high = _walk_up(path, old - 1, new - 1)
    _require(compare_digest(low, old_root), "the proof does not lead to the old root")
    _require(compare_digest(high, new_root), "the proof does not lead to the new root")


def _walk_up(path: Sequence[bytes], at: int, last: int) -> tuple[bytes, bytes]:
    while at & 1:
        at, last = at >> 1, last >> 1
    low = high = path[0]
    for sibling in path[1:]:
        _require(last > 0, "the proof is too long")
        if at & 1 or at == last:
            low, high = node_hash(sibling, low), node_hash(sibling, high)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            high = node_hash(high, sibling)
        at, last = at >> 1, last >> 1
    _require(last == 0, "the proof is too short")
    return low, high


class MemoryNodes:
    """All nodes of a tree in memory: for exports, tests and small trees."""

    def __init__(self, hashes: Sequence[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = []
        self.frontier = Frontier()
        self.extend(hashes)

    def extend(self, hashes: Sequence[bytes]) -> None:
        """Append leaf hashes."""
        self.frontier, runs = self.frontier.extend(hashes)
        for run in runs:
            if run.level == len(self._levels):
                self._levels.append([])
            self._levels[run.level].extend(run.hashes)

    def node(self, level: int, index: int) -> bytes:
        """The stored hash; TreeRangeInvalid where the subtree is not complete."""
        if 0 <= level < len(self._levels) and 0 <= index < len(self._levels[level]):
            return self._levels[level][index]
        raise TreeRangeInvalid(
            reason="node {index} on level {level} is not complete", index=index, level=level
        )


def _cover(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, index) that make up [start, end), largest first."""
    cover: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        cover.append((level, start >> level))
        start += 1 << level
    return cover


def _fold(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = node_hash(peak, value)
    return value


def _split(count: int) -> int:
    """The largest power of two smaller than count."""
    return 1 << ((count - 1).bit_length() - 1)


def _require_hashes(values: Iterable[bytes]) -> None:
    _require(all(len(value) == HASH_SIZE for value in values), "a hash is not 32 bytes")


def _require(holds: bool, reason: str, **facts: int) -> None:  # noqa: FBT001  # an assertion that cannot be switched off
    if not holds:
        raise ProofInvalid(reason=reason, **facts)
