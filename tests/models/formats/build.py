"""Builds GGUF and safetensors files byte by byte, valid ones and every kind of broken one."""

import json
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
_PACK = {
    U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B",
    U64: "<Q", I64: "<q", F64: "<d",
}  # fmt: skip


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value(kind: int, content: object) -> bytes:
    if kind == STR:
        return text(content)
    if kind == ARR:
        item, items = content
        body = b"".join(value(item, entry) for entry in items)
        return struct.pack("<IQ", item, len(items)) + body
    return struct.pack(_PACK[kind], content)


def pair(key: str | bytes, kind: int, content: object) -> bytes:
    return text(key) + struct.pack("<I", kind) + value(kind, content)


def tensor(name: str | bytes, dims: tuple[int, ...], kind: int, offset: int) -> bytes:
    return (
        text(name)
        + struct.pack("<I", len(dims))
        + b"".join(struct.pack("<Q", extent) for extent in dims)
        + struct.pack("<IQ", kind, offset)
    )


ARCHITECTURE = pair("general.architecture", STR, "llama")


def gguf_file(
    pairs: list[bytes],
    tensors: list[bytes],
    data: bytes = b"",
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
    magic: bytes = b"GGUF",
) -> bytes:
    tensor_count, pair_count = counts or (len(tensors), len(pairs))
    head = magic + struct.pack("<IQQ", version, tensor_count, pair_count)
    head += b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % alignment) + data


def gguf_bytes(*, fill: bytes = b"\0", pairs: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    """A valid file with two tensors of sixteen floats."""
    tensors = [tensor("a", (16,), 0, 0), tensor("b", (4, 4), 0, 64)]
    return gguf_file([ARCHITECTURE, *pairs], tensors, fill * 128, version=version)


def safetensors_file(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def safetensors_bytes() -> bytes:
    """A valid file with two tensors of eight floats."""
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]},
        "b": {"dtype": "F32", "shape": [2, 4], "data_offsets": [32, 64]},
    }
    return safetensors_file(header, b"\0" * 64)
