"""Cutting files into chunks: by content, so that what moved is found again, or in fixed blocks."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import numpy as np
from pyfastcdc import FastCDC

AVERAGE: Final = 1 << 20
PAGES: Final = 1 << 18
"""Block of a database: its pages stay where they are, so a change touches one block, not two."""
BLOB: Final = 1 << 22
"""Block of a model: files of the shelf are named by their content and never change."""

_BUFFER: Final = 1 << 23


def blocks(stream: BinaryIO, size: int) -> Iterator[memoryview]:
    """Blocks of one size; the last may be shorter."""
    filled = size
    while filled == size:
        buffer = _memory(size)
        filled = _filled(stream, buffer)
        if filled:
            yield buffer[:filled]


def cuts(stream: BinaryIO, average: int = AVERAGE) -> Iterator[memoryview]:
    """Chunks whose ends depend on what stands around them (FastCDC 2020).

    An insertion changes the chunk it falls into and perhaps the next; all others stay the same.
    Memory: a buffer of 8 MiB for as long as somebody holds a chunk out of it.

    Args:
        stream: What to cut.
        average: Bytes of a usual chunk, at most `AVERAGE`; a quarter of it at least, four times it at most.
    """
    cutter = FastCDC(avg_size=average, min_size=average // 4, max_size=average * 4)
    rest = memoryview(b"")
    while True:
        # A buffer of its own for each turn: whoever holds a chunk holds it, and nothing is copied.
        buffer = _memory(_BUFFER)
        buffer[: len(rest)] = rest
        filled = len(rest) + _filled(stream, buffer[len(rest) :])
        whole = list(cutter.cut_buf(buffer[:filled])) if filled else []
        # The last cut was made by the end of the buffer: what follows may move it.
        ended = filled < _BUFFER
        for chunk in whole if ended else whole[:-1]:
            yield buffer[chunk.offset : chunk.offset + chunk.length]
        if ended:
            return
        rest = buffer[whole[-1].offset :]


def lines_cut(text: bytes) -> Iterator[bytes]:
    """Smaller chunks, for manifests."""
    for chunk in FastCDC(avg_size=1 << 16, min_size=1 << 14, max_size=1 << 18).cut_buf(text):
        yield text[chunk.offset : chunk.offset + chunk.length]


def _memory(size: int) -> memoryview:
    return np.empty(size, np.uint8).data  # bytearray would write zeros first


def _filled(stream: BinaryIO, room: memoryview) -> int:
    """Read until the room is full or the stream ends; raw files give less than asked."""
    done = 0
    while done < len(room) and (count := stream.readinto(room[done:])):  # type: ignore[attr-defined]
        done += count
    return done
