"""Cuts a file into chunks: at tensors where there are tensors, else where its content says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from appliance.backup.chunking import cuts
from appliance.updates.manifest import MAX_CHUNK
from models.errors import ModelsError
from models.formats.gguf import MAGIC, GgufHeader, read_gguf
from models.formats.safetensors import DTYPES, SafetensorsHeader, read_safetensors

LEAST: Final = 1 << 20
"""Smaller tensors share a chunk with their neighbours."""
FINE: Final = 1 << 16
"""Average chunk of a file that is not large."""
COARSE: Final = 1 << 20
LARGE: Final = 256 << 20
_BITS: Final = {16: 2, 32: 4, 64: 8}
_GGUF: Final = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I16": 2, "I32": 4, "I64": 8}


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk's bytes and what is known of them.

    Attributes:
        content: The bytes.
        width: Bytes of a number in it; 1 where that says nothing.
    """

    content: memoryview
    width: int


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes from the end of the span before on that belong together."""

    size: int
    width: int


def pieces(path: Path) -> Iterator[Piece]:
    """Cut a file.

    The same content is always cut at the same places. A file of tensors is cut between them, so that
    a model trained further has its cuts where its base has them; a tensor beyond 16 MiB is cut again
    every 16 MiB.

    Raises:
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        spans = _spans(path, stream)
        if spans is None:
            average = FINE if size <= LARGE else COARSE
            for content in cuts(stream, average):
                yield Piece(content, 1)
            return
        for span in _grouped(spans):
            for length in _lengths(span.size):
                yield Piece(memoryview(stream.read(length)), span.width)


def _spans(path: Path, stream: BinaryIO) -> list[_Span] | None:
    """The header and each tensor in file order, or None where there are no tensors."""
    try:
        if stream.read(len(MAGIC)) == MAGIC:
            return _of_gguf(read_gguf(path))
        if path.suffix == ".safetensors":
            return _of_safetensors(read_safetensors(path))
    except ModelsError:
        return None
    finally:
        stream.seek(0)
    return None


def _of_gguf(header: GgufHeader) -> list[_Span]:
    tensors = sorted(header.tensors, key=lambda tensor: tensor.offset)
    starts = [header.data_start + tensor.offset for tensor in tensors]
    widths = [_GGUF.get(tensor.type.name, 1) for tensor in tensors]
    return _between(starts, widths, header.size)


def _of_safetensors(header: SafetensorsHeader) -> list[_Span]:
    tensors = sorted(header.tensors, key=lambda tensor: (tensor.begin, tensor.end))
    starts = [header.data_start + tensor.begin for tensor in tensors]
    widths = [_BITS.get(DTYPES[tensor.dtype], 1) for tensor in tensors]
    return _between(starts, widths, header.size)


def _between(starts: Sequence[int], widths: Sequence[int], size: int) -> list[_Span]:
    ends = [*starts[1:], size]
    spans = [_Span(starts[0] if starts else size, 1)]
    spans += [
        _Span(end - start, width) for start, end, width in zip(starts, ends, widths, strict=True)
    ]
    return [span for span in spans if span.size]


def _grouped(spans: Sequence[_Span]) -> Iterator[_Span]:
    """Small neighbours of one width together; the header stays alone, since it changes by itself."""
    yield from spans[:1]
    size, width = 0, 1
    for span in spans[1:]:
        if size and (span.width != width or size >= LEAST or span.size >= LEAST):
            yield _Span(size, width)
            size = 0
        size, width = size + span.size, span.width
    if size:
        yield _Span(size, width)


def _lengths(size: int) -> Iterator[int]:
    while size:
        length = min(size, MAX_CHUNK)
        yield length
        size -= length
