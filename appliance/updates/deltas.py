"""Deltas between two chunks of one size: xor, byte planes, zstd.

Form: `WBD`, 0x01, the width of an element in one byte, then one zstd frame. Its content is the xor of
both chunks, taken apart into the first bytes of all elements, their second bytes, and so on; bytes
that are no whole element come last. Weights that moved a little keep sign, exponent and high bits, so
the high planes are nearly all zero.
"""

from typing import Final

import numpy as np
from zstandard import ZstdCompressor

from appliance.updates.frames import expand

WIDTHS: Final = (1, 2, 4, 8)
"""Bytes of an element; 1 for what is quantised in blocks."""
_MAGIC: Final = b"WBD\x01"
_HEAD: Final = len(_MAGIC) + 1

Content = bytes | bytearray | memoryview


def make_delta(new: Content, base: Content, width: int, level: int) -> bytes:
    """Write what turns `base` into `new`.

    Args:
        new: The chunk to be.
        base: The chunk to start from, of the same size.
        width: Bytes of an element, one of `WIDTHS`.
        level: Of zstd.

    Raises:
        ValueError: The sizes differ.
    """
    moved = _xor(new, base)
    whole = len(moved) - len(moved) % width
    planes = moved[:whole].reshape(-1, width).T.tobytes() + moved[whole:].tobytes()
    return _MAGIC + bytes([width]) + ZstdCompressor(level=level).compress(planes)


def apply_delta(stored: Content, base: Content) -> bytes:
    """Make the chunk again.

    Args:
        stored: What `make_delta` wrote; nobody need have checked it.
        base: The chunk that it starts from.

    Raises:
        ValueError: It is no delta, or its size is not that of `base`.
    """
    head = bytes(stored[:_HEAD])
    if len(head) < _HEAD or head[:-1] != _MAGIC or head[-1] not in WIDTHS:
        raise ValueError("no delta")
    width = head[-1]
    planes = np.frombuffer(expand(stored[_HEAD:], len(base)), np.uint8)
    whole = len(planes) - len(planes) % width
    moved = np.empty(len(planes), np.uint8)
    moved[:whole].reshape(-1, width)[:] = planes[:whole].reshape(width, -1).T
    moved[whole:] = planes[whole:]
    return _xor(moved.data, base).tobytes()


def _xor(one: Content, other: Content) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    if len(one) != len(other):
        raise ValueError("two sizes")
    return np.bitwise_xor(np.frombuffer(one, np.uint8), np.frombuffer(other, np.uint8))
