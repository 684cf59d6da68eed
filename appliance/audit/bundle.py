"""Entry bundles: the leaves of 64 entries in one compressed piece, once they are closed."""

from collections.abc import Sequence
from typing import Final

import zstandard

from appliance.audit.errors import AuditTampered

BUNDLE: Final = 64
"""Entries in a bundle: a quarter of a tile. Larger ones take a tenth less room, and twice the time
of a search whose findings lie far apart."""

_LEVEL: Final = 1
"""Of zstd: the higher ones take longer and gain nothing on digests and numbers."""
_LARGEST: Final = BUNDLE * (65_536 + 1)
_LINE: Final = b"\n"


class Packer:
    """Compresses and opens bundles; used by one thread at a time."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, leaves: Sequence[bytes]) -> bytes:
        """The bundle of 64 leaves; canonical JSON holds no line feed, so one ends each."""
        return self._compressor.compress(_LINE.join(leaves))

    def open(self, number: int, body: bytes) -> bytes:
        """The leaves of a bundle, a line each.

        Args:
            number: which bundle, for the sentence.
            body: its compressed form.

        Raises:
            AuditTampered: it is none.
        """
        try:
            plain = self._decompressor.decompress(body, max_output_size=_LARGEST)
        except zstandard.ZstdError:
            plain = b""
        if plain.count(_LINE) != BUNDLE - 1:
            first = number * BUNDLE
            raise AuditTampered(
                reason=f"从第 {first} 条起的一组记录已损坏 the bundle from entry {first} on is damaged"
            )
        return plain


def lines_of(plain: bytes) -> list[bytes]:
    """Every leaf of an open bundle."""
    return plain.split(_LINE)


def line_of(plain: bytes, offset: int) -> bytes:
    """One leaf of an open bundle, without taking the others apart."""
    if offset < BUNDLE // 2:
        return plain.split(_LINE, offset + 1)[offset]
    return plain.rsplit(_LINE, BUNDLE - offset)[1]


def time_in(leaf: bytes) -> int:
    """The time that a leaf ends with, microseconds since 1970 UTC; -1 where it is none."""
    digits = leaf[leaf.rfind(b":") + 1 : -1]
    return int(digits) if digits.isdigit() else -1
