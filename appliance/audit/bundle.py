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
            AuditTampered: it cannot be opened.
        """
        try:
            return self._decompressor.decompress(body, max_output_size=_LARGEST)
        except zstandard.ZstdError as error:
            raise damaged(number) from error


def damaged(number: int) -> AuditTampered:
    """The refusal of a bundle that is none."""
    first = number * BUNDLE
    return AuditTampered(
        reason=f"从第 {first} 条起的一组记录已损坏 the bundle from entry {first} on is damaged"
    )


def lines_of(number: int, plain: bytes) -> list[bytes]:
    """Every leaf of an open bundle. Raises AuditTampered where it holds more or fewer."""
    lines = plain.split(_LINE)
    if len(lines) != BUNDLE:
        raise damaged(number)
    return lines


def line_of(number: int, plain: bytes, offset: int) -> bytes:
    """One leaf of an open bundle, without taking all others apart. Raises AuditTampered."""
    if offset < BUNDLE // 2:
        lines, at, count = plain.split(_LINE, offset + 1), offset, offset + 2
    else:
        lines, at, count = plain.rsplit(_LINE, BUNDLE - offset), 1, BUNDLE - offset + 1
    if len(lines) != count:
        raise damaged(number)
    return lines[at]


def time_in(leaf: bytes) -> int:
    """The time that a leaf ends with, microseconds since 1970 UTC; -1 where it is none."""
    digits = leaf[leaf.rfind(b":") + 1 : -1]
    return int(digits) if digits.isdigit() else -1
