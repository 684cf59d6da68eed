"""Inclusion proofs of a filtered export: one C2SP tlog-proof for each of its entries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from secure_compute.verifier.entries import ENTRIES, Order, altered
from secure_compute.verifier.reading import Head, Refused, from_base64, lines_of
from secure_compute.verifier.tree import climb, hash_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROOFS, PROOF_HEAD = "proofs.tlog-proof", b"c2sp.org/tlog-proof@v1"
MOST_HASHES = 63


class Proofs:
    """Reads proofs one after the other; each carries the checkpoint that it leads to."""

    def __init__(self, folder: Path, checkpoint: bytes) -> None:
        self.lines = (line for found in lines_of(folder, PROOFS) for line in found)
        self.checkpoint = checkpoint.split(b"\n")[:-1]
        self.count = 0

    def broken(self) -> Refused:
        """The refusal for the proof that is being read."""
        return Refused(
            f"{PROOFS} 中第 {self.count} 个证明被改动、截断或缺失",
            f"Proof {self.count} in {PROOFS} was altered, cut or left out",
        )

    def take(self) -> tuple[int, list[bytes]]:
        """The index and the hashes of the next proof."""
        self.count += 1
        if next(self.lines, None) != PROOF_HEAD:
            raise self.broken()
        index = re.match(rb"index (0|[1-9][0-9]{0,18})\Z", next(self.lines, b""))
        hashes: list[bytes] = []
        for line in self.lines:
            if not line or len(hashes) > MOST_HASHES:
                break
            hashes.append(from_base64(line.decode("ascii", "replace")))
        if index is None or [next(self.lines, None) for _ in self.checkpoint] != self.checkpoint:
            raise self.broken()
        return int(index.group(1)), hashes


def check_filtered(
    folder: Path, head: Head, checkpoint: bytes, span: tuple[int, int], order: Order
) -> Iterator[tuple[int, list[bytes]]]:
    """Check the inclusion proof of each entry.

    Yields:
        Each entry as a run of one, once it is proven.
    """
    proofs, before = Proofs(folder, checkpoint), span[0] - 1
    for line in (line for found in lines_of(folder, ENTRIES) for line in found):
        index, hashes = proofs.take()
        if not before < index <= span[1]:
            raise Refused(
                f"第 {index} 条的证明重复、次序颠倒或超出范围",
                f"The proof of entry {index} is doubled, out of order or outside the range",
            )
        before = index
        order.check(line, index)
        if climb(hash_leaf(line), index, head.size, hashes) != head.root:
            raise altered(index)
        yield index, [line]
    if next(proofs.lines, None) is not None:
        raise Refused(
            f"{PROOFS} 中的证明比记录多:有记录被删除",
            f"{PROOFS} proves more entries than there are: some were removed",
        )
