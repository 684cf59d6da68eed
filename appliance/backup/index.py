"""Which chunk lies where: directories of packs, and the index over all of them."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from appliance.backup.errors import BackupDamaged
from appliance.backup.sealing import damaged

_ROW: Final = struct.Struct(">32sIIB")
_HEAD: Final = struct.Struct(">32sII")
ZSTD: Final = 1
_U32: Final = (1 << 32) - 1


class Piece(NamedTuple):
    """A chunk inside its pack: its keyed hash, stored bytes, plain bytes, and whether compressed."""

    chunk: bytes
    stored: int
    plain: int
    flags: int


class Place(NamedTuple):
    """Where a chunk is: its pack, which part of it, the offset, and sizes."""

    pack: str
    part: int
    offset: int
    stored: int
    plain: int
    flags: int


class Directory(NamedTuple):
    """What one pack holds, in order.

    Args:
        pack: its name, 64 hexadecimal digits.
        size: bytes of the whole object.
        pieces: its chunks.
    """

    pack: str
    size: int
    pieces: tuple[Piece, ...]


def rows_of(pieces: Iterable[Piece]) -> bytes:
    """The directory of a pack as it stands at its end."""
    return b"".join(_ROW.pack(*piece) for piece in pieces)


def pieces_of(rows: bytes, name: str) -> tuple[Piece, ...]:
    """Read it again. Raises BackupDamaged."""
    if len(rows) % _ROW.size:
        raise damaged(name, "目录长度不对", "its directory has a wrong length")
    return tuple(Piece(*row) for row in _ROW.iter_unpack(rows))


def index_bytes(directories: Iterable[Directory]) -> bytes:
    """Several directories as one document."""
    parts: list[bytes] = []
    for one in directories:
        rows = rows_of(one.pieces)
        parts += [_HEAD.pack(bytes.fromhex(one.pack), one.size, len(rows)), rows]
    return b"".join(parts)


def parse_index(data: bytes, name: str) -> Iterator[Directory]:
    """Read such a document. Raises BackupDamaged."""
    at = 0
    while at < len(data):
        try:
            pack, size, length = _HEAD.unpack_from(data, at)
        except struct.error:
            raise damaged(name, "被截断", "it was cut") from None
        at += _HEAD.size
        if at + length > len(data):
            raise damaged(name, "被截断", "it was cut")
        yield Directory(pack.hex(), size, pieces_of(data[at : at + length], name))
        at += length


class Index:
    """Every chunk that is known, by its keyed hash; about 200 bytes of memory for each.

    Args:
        first: offset of the first chunk in a pack.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._packs: list[tuple[str, int]] = []
        self._numbers: dict[str, int] = {}
        self._places: dict[bytes, int] = {}

    def __contains__(self, chunk: bytes) -> bool:
        return chunk in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, one: Directory) -> None:
        """Learn what a pack holds; a chunk that is known stays where it was."""
        if one.pack in self._numbers:
            return
        number = self._numbers[one.pack] = len(self._packs)
        self._packs.append((one.pack, one.size))
        offset = self.first
        for part, piece in enumerate(one.pieces):
            # One integer for each chunk: a box may have a million of them.
            packed = number << 32 | part
            packed = packed << 32 | offset
            packed = packed << 32 | piece.stored
            packed = packed << 32 | piece.plain << 1 | piece.flags
            self._places.setdefault(piece.chunk, packed)
            offset += piece.stored

    def find(self, chunk: bytes) -> Place:
        """Where a chunk lies. Raises BackupDamaged when nothing holds it."""
        packed = self._places.get(chunk)
        if packed is None:
            raise BackupDamaged(
                name=chunk.hex()[:16], reason_zh="索引中没有", reason_en="no index names it"
            )
        low = packed & _U32
        pack = self._packs[packed >> 128][0]
        middle = (packed >> 96 & _U32, packed >> 64 & _U32, packed >> 32 & _U32)
        return Place(pack, *middle, low >> 1, low & 1)

    def packs(self) -> dict[str, int]:
        """Every pack with its size."""
        return dict(self._packs)
