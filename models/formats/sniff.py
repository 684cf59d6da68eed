"""What a file is, judged by its content and never by its name."""

import re
from enum import StrEnum
from typing import Final

from models.formats.refusals import CodeCarrier, FileRefused, FormatUnknown
from models.formats.view import FileView

_HEAD: Final = 4096
_TAIL: Final = 1024

# First bytes of the formats that carry, or may carry, code or objects.
_MAGICS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"PK\x03\x04", "zip", ""),
    (b"PK\x05\x06", "zip", ""),
    (b"PK\x07\x08", "zip", ""),
    (b"\x93NUMPY", "numpy-object", ""),
    (b"\x89HDF\r\n\x1a\n", "hdf5", ""),
    (b"ZF", "joblib", ""),
    (b"\x1f\x8b", "archive", "gzip"),
    (b"BZh", "archive", "bzip2"),
    (b"\xfd7zXZ\x00", "archive", "xz"),
    (b"\x28\xb5\x2f\xfd", "archive", "zstd"),
    (b"\x04\x22\x4d\x18", "archive", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "7z"),
    (b"Rar!", "archive", "rar"),
    (b"\x7fELF", "program", ""),
    (b"MZ", "program", ""),
    (b"#!", "program", ""),
)
_USTAR: Final = (257, b"ustar")
_ZLIB: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_BINARY_PICKLE: Final = re.compile(rb"\x80[\x00-\x05]")
# Opcodes with which text pickles (protocols 0 and 1) begin, with their first argument.
_TEXT_PICKLE: Final = re.compile(
    rb"""(?:[()\]}\[NX\x8c\x88\x89\x85-\x87{U]|c[\w.]+\n[\w.]+\n|[VSIFLPp][^\n]*\n|[KM]..?)""",
    re.DOTALL,
)
_STOP: Final = b"."
# The end-of-central-directory record may stand anywhere in the last 64 KiB and makes a ZIP.
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_RECORD: Final = 22
_ZIP_REACH: Final = _ZIP_RECORD + 65_535


class Kind(StrEnum):
    """What a path holds."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"
    FOLDER = "folder"
    UNKNOWN = "unknown"


def refuse_by_content(view: FileView) -> FileRefused:
    """Names what a file is that is neither GGUF nor safetensors.

    Args:
        view: The open file.

    Returns:
        The refusal to raise: `CodeCarrier` for formats that can carry code, else
        `FormatUnknown`.
    """
    head = view.at(0, _HEAD)
    if not head:
        return FormatUnknown.by("empty")
    carrier = carries_code(view)
    if carrier is not None:
        return carrier
    place, magic = _USTAR
    if head[place : place + len(magic)] == magic:
        return CodeCarrier.by("archive", name="tar")
    tail = view.at(max(0, view.size - _TAIL), _TAIL)
    if tail.rstrip(b"\r\n \0").endswith(_STOP) and _TEXT_PICKLE.match(head):
        return CodeCarrier.by("pickle")
    return CodeCarrier.by("joblib") if _ZLIB.match(head) else FormatUnknown.by("unknown")


def guess_kind(view: FileView, suffix: str) -> Kind:
    """Which parser shall judge the file.

    The content decides. The name only chooses which parser gets to say what is wrong with
    content that no parser would take.
    """
    head = view.at(0, 32)
    if head[:4] in {b"GGUF", b"FUGG"}:
        return Kind.GGUF
    if head[8:].lstrip(b" \t\r\n").startswith(b"{"):
        return Kind.SAFETENSORS
    if isinstance(refuse_by_content(view), CodeCarrier):
        return Kind.UNKNOWN
    named = {".gguf": Kind.GGUF, ".safetensors": Kind.SAFETENSORS}
    return named.get(suffix.lower(), Kind.UNKNOWN)


def ends_as_zip(view: FileView) -> bool:
    """Whether a ZIP directory ends exactly where the file ends, whatever stands before it.

    ZIP readers start from the end, so a file can be a model to one program and an archive of
    pickles to another.
    """
    tail = view.at(max(0, view.size - _ZIP_REACH), _ZIP_REACH)
    place = tail.rfind(_ZIP_END)
    while place >= 0:
        comment = int.from_bytes(tail[place + 20 : place + 22], "little")
        if place + _ZIP_RECORD + comment == len(tail) and len(tail) >= place + _ZIP_RECORD:
            return True
        place = tail.rfind(_ZIP_END, 0, place)
    return False


def carries_code(view: FileView) -> CodeCarrier | None:
    """The refusal for a side file of a model folder that is code in disguise, or None.

    Text pickles are not looked for here: prose may begin and end like one, and nothing reads
    these files as pickles.
    """
    head = view.at(0, _HEAD)
    for magic, rule, name in _MAGICS:
        if head.startswith(magic):
            return CodeCarrier.by(rule, name=name)
    if _BINARY_PICKLE.match(head):
        return CodeCarrier.by("pickle")
    return CodeCarrier.by("zip") if ends_as_zip(view) else None
