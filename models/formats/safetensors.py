"""A strict safetensors reader of our own: header only, every byte of the data accounted for.

The format: 8 bytes of little-endian header length, a JSON object, then the data; see
https://huggingface.co/docs/safetensors. Where readers differ, the stricter rule holds.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.formats.refusals import SafetensorsMalformed, quoted
from models.formats.strict_json import parse_json
from models.formats.view import FileView, open_view

# Bits per element, as in the `Dtype` of safetensors 0.8.
DTYPES: Final[dict[str, int]] = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
# The format allows 100 MB; a header of fifty thousand tensors, more than any real file has, needs 6.
MAX_HEADER_BYTES: Final = 6 << 20
_MAX_TENSORS: Final = 50_000
_MAX_DIMS: Final = 16
_MAX_NAME: Final = 512
_INT64_MAX: Final = (1 << 63) - 1
_LENGTH: Final = struct.Struct("<Q")
_WHERE: Final = "header"
_FIELDS: Final = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class SafetensorsTensor:
    """One tensor as the header describes it.

    Attributes:
        name: Tensor name; never a path.
        dtype: Element type, a key of `DTYPES`.
        shape: Elements per dimension.
        begin: First byte, from the start of the data.
        end: Byte after the last one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of data."""
        return self.end - self.begin

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.size * 8 // DTYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """What a well-formed safetensors file says about itself."""

    tensors: tuple[SafetensorsTensor, ...]
    metadata: Mapping[str, str]
    data_start: int
    size: int


def read_safetensors(path: Path) -> SafetensorsHeader:
    """Reads and checks the header of a safetensors file.

    Raises:
        FileUnreadable: The file cannot be opened.
        SafetensorsMalformed: Any rule is broken; the first one found is named.
    """
    with open_view(path) as view:
        return parse_safetensors(view)


def parse_safetensors(view: FileView) -> SafetensorsHeader:
    """Reads and checks the header of an open safetensors file; see `read_safetensors`."""
    raw = _header_bytes(view)
    # Three brackets a tensor; far more of them only cost time and memory.
    brackets = raw.count(b"{") + raw.count(b"[")
    if brackets > 4 * _MAX_TENSORS:
        limit = 4 * _MAX_TENSORS
        raise SafetensorsMalformed.by("limit", what="brackets", count=brackets, limit=limit)
    document = parse_json(raw, _WHERE, SafetensorsMalformed)
    if not isinstance(document, dict):
        raise SafetensorsMalformed.by("json", where=_WHERE, why="object expected")
    if len(document) > _MAX_TENSORS:
        count = len(document)
        raise SafetensorsMalformed.by("limit", what="tensors", count=count, limit=_MAX_TENSORS)
    metadata = _metadata(document.pop("__metadata__", {}))
    tensors = tuple(_tensor(name, fields) for name, fields in document.items())
    start = _LENGTH.size + len(raw)
    _check_cover(tensors, view.size - start)
    return SafetensorsHeader(tensors, metadata, start, view.size)


def _header_bytes(view: FileView) -> bytes:
    if view.size == 0:
        raise SafetensorsMalformed.by("empty")
    first = view.at(0, _LENGTH.size)
    if len(first) < _LENGTH.size:
        raise SafetensorsMalformed.by("truncated", where="header length")
    (length,) = _LENGTH.unpack(first)
    if not len(b"{}") <= length <= view.size - _LENGTH.size:
        raise SafetensorsMalformed.by("header-length", count=length)
    if length > MAX_HEADER_BYTES:
        raise SafetensorsMalformed.by(
            "limit", what="header bytes", count=length, limit=MAX_HEADER_BYTES
        )
    raw = view.at(_LENGTH.size, length)
    if len(raw) < length:
        raise SafetensorsMalformed.by("truncated", where=_WHERE)
    if not raw.startswith(b"{"):
        raise SafetensorsMalformed.by("header-start")
    # The format pads with spaces only, so that nothing else can hide there.
    if not raw.rstrip(b" ").endswith(b"}"):
        raise SafetensorsMalformed.by("json", where=_WHERE, why="bytes after the object")
    return raw


def _metadata(found: Any) -> Mapping[str, str]:
    if not isinstance(found, dict):
        raise SafetensorsMalformed.by("metadata")
    for key, value in found.items():
        if not isinstance(value, str) or not _encodable(key) or not _encodable(value):
            raise SafetensorsMalformed.by("metadata")
    return found


def _encodable(text: str) -> bool:
    """Whether the text holds neither a lone surrogate nor a NUL."""
    try:
        return b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        return False


def _tensor(name: str, fields: Any) -> SafetensorsTensor:
    _check_name(name)
    shown = quoted(name)
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise SafetensorsMalformed.by("fields", name=shown)
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise SafetensorsMalformed.by("tensor-type", name=shown, type=quoted(str(dtype)))
    if not _whole_numbers(shape) or len(shape) > _MAX_DIMS:
        raise SafetensorsMalformed.by("tensor-shape", name=shown)
    match offsets:
        case [begin, end] if _whole_numbers(offsets) and begin <= end:
            tensor = SafetensorsTensor(name, dtype, tuple(shape), begin, end)
        case _:
            raise SafetensorsMalformed.by("offsets", name=shown)
    _check_span(tensor)
    return tensor


def _check_name(name: str) -> None:
    """A name is a label. One that reads like a path outside or hides characters is refused."""
    parts = name.replace("\\", "/").split("/")
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise SafetensorsMalformed.by("tensor-name", name=quoted(name))
    if parts[0] == "" or ".." in parts or "\\" in name:
        raise SafetensorsMalformed.by("tensor-name", name=quoted(name))


def _whole_numbers(found: Any) -> bool:
    # `True` is an int to Python, and a float may be whole: the type must be int itself.
    return isinstance(found, list) and all(
        type(number) is int and 0 <= number <= _INT64_MAX for number in found
    )


def _check_span(tensor: SafetensorsTensor) -> None:
    bits = DTYPES[tensor.dtype]
    for extent in tensor.shape:
        bits *= extent
        if bits > _INT64_MAX:
            raise SafetensorsMalformed.by("tensor-overflow", name=quoted(tensor.name))
    whole, rest = divmod(bits, 8)
    if rest or whole != tensor.size:
        raise SafetensorsMalformed.by(
            "tensor-bytes", name=quoted(tensor.name), count=tensor.size, expected=whole
        )


def _check_cover(tensors: tuple[SafetensorsTensor, ...], size: int) -> None:
    """Every byte of the data belongs to exactly one tensor."""
    expected = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != expected:
            rule = "tensor-overlap" if tensor.begin < expected else "tensor-hole"
            raise SafetensorsMalformed.by(rule, name=quoted(tensor.name))
        if tensor.end > size:
            name = quoted(tensor.name)
            raise SafetensorsMalformed.by("tensor-past-eof", name=name, end=tensor.end, size=size)
        expected = tensor.end
    if expected != size:
        raise SafetensorsMalformed.by("trailing", count=size - expected)
