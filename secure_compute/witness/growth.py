"""Whether one tree grew out of another: consistency proofs (RFC 9162 2.1.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secure_compute.verifier.reading import HASH_SIZE
from secure_compute.verifier.tree import hash_node

if TYPE_CHECKING:
    from secure_compute.verifier.reading import Head


def grew(old: Head, new: Head, proof: list[bytes]) -> bool:
    """Whether the old tree is the beginning of the new one; malformed proofs show nothing."""
    if old.size in (0, new.size):
        return not proof and (old.size == 0 or old.root == new.root)
    if old.size > new.size or any(len(step) != HASH_SIZE for step in proof):
        return False
    path = proof if old.size & (old.size - 1) else [old.root, *proof]
    return bool(path) and roots_of(path, old.size - 1, new.size - 1) == (old.root, new.root)


def roots_of(path: list[bytes], at: int, last: int) -> tuple[bytes, bytes] | None:
    """The two roots that a path leads to; None where it does not fit."""
    while at & 1:
        at, last = at >> 1, last >> 1
    low = high = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            low, high = hash_node(step, low), hash_node(step, high)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            high = hash_node(high, step)
        at, last = at >> 1, last >> 1
    return (low, high) if last == 0 else None
