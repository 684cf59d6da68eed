"""A strict GGUF reader of our own: version 2 and 3, headers only, refusing before an engine does.

The format is described in ggml/docs/gguf.md; where that text leaves room, what llama.cpp's
`gguf.cpp` demands is demanded here (tensors in file order, contiguous but for padding), and
what it forgives is refused: trailing bytes, empty tensors, scalars without dimensions.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.formats.ggml_types import GGML_TYPES, GgmlType
from models.formats.gguf_model import check_model
from models.formats.gguf_values import UINT32, MetadataReader, Value
from models.formats.refusals import GgufMalformed, quoted
from models.formats.view import Cursor, FileView, open_view

MAGIC: Final = b"GGUF"
_SWAPPED: Final = b"FUGG"
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_INT64_MAX: Final = (1 << 63) - 1
_MAX_DIMS: Final = 4
# ggml keeps names in 64 bytes with the NUL.
_MAX_NAME_BYTES: Final = 63
_MAX_TENSORS: Final = 50_000
_DEFAULT_ALIGNMENT: Final = 32
_MAX_ALIGNMENT: Final = 65_536
_VERSIONS: Final = (2, 3)
# Name length (8), one character, dimensions (4), one dimension (8), type (4), offset (8).
_LEAST_TENSOR_BYTES: Final = 33


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor as the header describes it.

    Attributes:
        name: Tensor name.
        shape: Elements per dimension, fastest first.
        type: Its ggml type.
        offset: Bytes from the start of the data section.
        size: Bytes of data.
    """

    name: str
    shape: tuple[int, ...]
    type: GgmlType
    offset: int
    size: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a well-formed GGUF file says about itself."""

    version: int
    alignment: int
    metadata: Mapping[str, Value]
    tensors: tuple[GgufTensor, ...]
    data_start: int
    size: int


def read_gguf(path: Path) -> GgufHeader:
    """Reads and checks the header of a GGUF file.

    Args:
        path: The file; only its header is read, whatever its size.

    Raises:
        FileUnreadable: The file cannot be opened.
        GgufMalformed: Any rule is broken; the first one found is named.
        TemplateHostile: The chat template does more than lay out messages.
    """
    with open_view(path) as view:
        return parse_gguf(view)


def parse_gguf(view: FileView) -> GgufHeader:
    """Reads and checks the header of an open GGUF file; see `read_gguf`."""
    cursor = Cursor(view)
    version = _version(cursor)
    tensor_count = int(cursor.number(_U64, "header"))
    key_count = int(cursor.number(_U64, "header"))
    if tensor_count > cursor.remaining // _LEAST_TENSOR_BYTES:
        raise GgufMalformed.by("count", what="tensors", count=tensor_count)
    if tensor_count > _MAX_TENSORS:
        raise GgufMalformed.by("limit", what="tensors", count=tensor_count, limit=_MAX_TENSORS)
    metadata = MetadataReader(cursor).read(key_count)
    alignment = _alignment(metadata)
    tensors = _tensors(cursor, tensor_count)
    start = _padded(cursor.position, alignment)
    _check_padding(view, cursor.position, min(start, view.size), "before the data")
    _check_layout(view, tensors, start, alignment)
    check_model(metadata, has_tensors=bool(tensors))
    return GgufHeader(version, alignment, metadata, tensors, start, view.size)


def _version(cursor: Cursor) -> int:
    if cursor.remaining == 0:
        raise GgufMalformed.by("empty")
    magic = cursor.take(len(MAGIC), "magic")
    if magic == _SWAPPED:
        raise GgufMalformed.by("big-endian")
    if magic != MAGIC:
        raise GgufMalformed.by("magic")
    version = int(cursor.number(_U32, "version"))
    if version not in _VERSIONS:
        if int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS:
            raise GgufMalformed.by("big-endian")
        raise GgufMalformed.by("version", version=version)
    return version


def _alignment(metadata: Mapping[str, Value]) -> int:
    value = metadata.get("general.alignment")
    if value is None:
        return _DEFAULT_ALIGNMENT
    if value.type != UINT32 or not isinstance(value.content, int):
        raise GgufMalformed.by("value-kind", name="general.alignment")
    alignment = value.content
    power = alignment & (alignment - 1) == 0
    if alignment % 8 or not power or not 0 < alignment <= _MAX_ALIGNMENT:
        raise GgufMalformed.by("alignment", count=alignment)
    return alignment


def _tensors(cursor: Cursor, count: int) -> tuple[GgufTensor, ...]:
    tensors: list[GgufTensor] = []
    names: set[str] = set()
    for _ in range(count):
        tensor = _tensor(cursor)
        if tensor.name in names:
            raise GgufMalformed.by("tensor-duplicate", name=quoted(tensor.name))
        names.add(tensor.name)
        tensors.append(tensor)
    return tuple(tensors)


def _tensor(cursor: Cursor) -> GgufTensor:
    name = _tensor_name(cursor)
    dims = int(cursor.number(_U32, "tensor"))
    if not 1 <= dims <= _MAX_DIMS:
        raise GgufMalformed.by("tensor-dims", name=quoted(name), count=dims)
    shape = tuple(int(cursor.number(_U64, "tensor")) for _ in range(dims))
    kind = int(cursor.number(_U32, "tensor"))
    offset = int(cursor.number(_U64, "tensor"))
    known = GGML_TYPES.get(kind)
    if known is None:
        raise GgufMalformed.by("tensor-type", name=quoted(name), type=kind)
    return GgufTensor(name, shape, known, offset, _tensor_bytes(name, shape, known))


def _tensor_name(cursor: Cursor) -> str:
    length = int(cursor.number(_U64, "tensor name"))
    if not 1 <= length <= _MAX_NAME_BYTES:
        raise GgufMalformed.by("string-length", where="tensor name", count=length)
    raw = cursor.take(length, "tensor name")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GgufMalformed.by("utf8", where="tensor name") from error
    if not name.isprintable():
        raise GgufMalformed.by("tensor-name", name=quoted(name))
    return name


def _tensor_bytes(name: str, shape: tuple[int, ...], kind: GgmlType) -> int:
    elements = 1
    for extent in shape:
        if not 1 <= extent <= _INT64_MAX:
            raise GgufMalformed.by("tensor-shape", name=quoted(name))
        elements *= extent
        if elements > _INT64_MAX:
            raise GgufMalformed.by("tensor-overflow", name=quoted(name))
    if shape[0] % kind.block:
        raise GgufMalformed.by("tensor-block", name=quoted(name), block=kind.block)
    size = elements // kind.block * kind.size
    if size > _INT64_MAX:
        raise GgufMalformed.by("tensor-overflow", name=quoted(name))
    return size


def _padded(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment


def _check_layout(
    view: FileView, tensors: tuple[GgufTensor, ...], start: int, alignment: int
) -> None:
    expected = 0
    for tensor in tensors:
        _check_place(tensor, expected, alignment)
        end = start + tensor.offset + tensor.size
        if end > view.size:
            name = quoted(tensor.name)
            raise GgufMalformed.by("tensor-past-eof", name=name, end=end, size=view.size)
        expected = _padded(tensor.offset + tensor.size, alignment)
        _check_padding(view, end, min(start + expected, view.size), "between tensors")
    last = tensors[-1] if tensors else None
    # Writers may leave out the padding after the last tensor, or write all of it.
    least = start + last.offset + last.size if last else start
    most = start + expected
    if view.size > most:
        raise GgufMalformed.by("trailing", count=view.size - most)
    if last and least < view.size < most:
        raise GgufMalformed.by("truncated", where="the padding of the last tensor")


def _check_place(tensor: GgufTensor, expected: int, alignment: int) -> None:
    if tensor.offset == expected:
        return
    rule = "tensor-overlap" if tensor.offset < expected else "tensor-hole"
    if tensor.offset % alignment:
        rule = "tensor-unaligned"
    raise GgufMalformed.by(rule, name=quoted(tensor.name))


def _check_padding(view: FileView, begin: int, end: int, where: str) -> None:
    if end > begin and view.at(begin, end - begin).strip(b"\0"):
        raise GgufMalformed.by("padding", where=where)
