"""Cutting files into chunks: by content, so that what moved is found again, or in fixed blocks."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from pyfastcdc import FastCDC

AVERAGE: Final = 1 << 20
LEAST: Final = AVERAGE // 4
MOST: Final = AVERAGE * 4
PAGES: Final = 1 << 18
"""Block of a database: its pages stay where they are, so a change touches one block, not two."""
BLOB: Final = 1 << 22
"""Block of a model: files of the shelf are named by their content and never change."""

_BUFFER: Final = 1 << 23


def blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Blocks of one size; the last may be shorter."""
    while block := _full(stream, size):
        yield block


def cuts(stream: BinaryIO) -> Iterator[bytes]:
    """Chunks whose ends depend on what stands around them (FastCDC 2020).

    An insertion changes the chunk it falls into and perhaps the next; all others stay the same.
    Memory: one buffer of 8 MiB and a rest.
    """
    cutter = FastCDC(avg_size=AVERAGE, min_size=LEAST, max_size=MOST)
    rest = b""
    while piece := _full(stream, _BUFFER):
        joined = rest + piece
        whole = list(cutter.cut_buf(joined))
        # The last cut was made by the end of the buffer: what follows may move it.
        rest = joined[whole[-1].offset :]
        for chunk in whole[:-1]:
            yield joined[chunk.offset : chunk.offset + chunk.length]
    for chunk in cutter.cut_buf(rest) if rest else ():
        yield rest[chunk.offset : chunk.offset + chunk.length]


def lines_cut(text: bytes) -> Iterator[bytes]:
    """Smaller chunks, for manifests."""
    for chunk in FastCDC(avg_size=1 << 16, min_size=1 << 14, max_size=1 << 18).cut_buf(text):
        yield text[chunk.offset : chunk.offset + chunk.length]


def _full(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if not data or len(data) == size:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (part := stream.read(missing)):  # raw files give less than asked
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
