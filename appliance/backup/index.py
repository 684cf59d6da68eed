"""Which chunk lies where: directories of packs, and the index over all of them."""

import struct
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from appliance.backup.sealing import ID_SIZE, damaged

_ROW: Final = struct.Struct(">32sIIB")
_HEAD: Final = struct.Struct(">32sII")
ZSTD: Final = 1
_LATELY: Final = 1 << 16
_RECORD: Final = np.dtype(
    [
        ("chunk", f"V{ID_SIZE}"),
        ("pack", "<u4"),
        ("part", "<u4"),
        ("offset", "<u4"),
        ("stored", "<u4"),
        ("low", "<u4"),
    ]
)


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
    """Every chunk that is known, by its keyed hash.

    What was added lately lies in a dictionary; the rest in two sorted arrays, 60 bytes a chunk, so
    that a box of ten terabytes (some three million chunks) does not need a gigabyte for it.

    Args:
        first: offset of the first chunk in a pack.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._packs: list[tuple[str, int]] = []
        self._numbers: dict[str, int] = {}
        self._recent: dict[bytes, tuple[int, int, int, int, int]] = {}
        self._keys = np.empty(0, np.uint64)
        self._rows = np.empty(0, _RECORD)

    def __contains__(self, chunk: bytes) -> bool:
        return chunk in self._recent or self._position(chunk) is not None

    def __len__(self) -> int:
        return len(self._recent) + len(self._rows)

    def add(self, one: Directory) -> None:
        """Learn what a pack holds; a chunk that is known stays where it was."""
        if one.pack in self._numbers:
            return
        number = self._numbers[one.pack] = len(self._packs)
        self._packs.append((one.pack, one.size))
        offset = self.first
        for part, piece in enumerate(one.pieces):
            if piece.chunk not in self:
                low = piece.plain << 1 | piece.flags
                self._recent[piece.chunk] = (number, part, offset, piece.stored, low)
            offset += piece.stored
        if len(self._recent) > max(_LATELY, len(self._rows) // 4):
            self._settle()

    def find(self, chunk: bytes) -> Place:
        """Where a chunk lies. Raises BackupDamaged when nothing holds it."""
        found = self._recent.get(chunk)
        if found is None:
            found = self._rows[self.position(chunk)].item()[1:]
        number, part, offset, stored, low = found
        return Place(self._packs[number][0], part, offset, stored, low >> 1, low & 1)

    def packs(self) -> dict[str, int]:
        """Every pack with its size."""
        return dict(self._packs)

    def no_marks(self) -> "Marks":
        """A mark for each chunk, none of them set; chunks that are added later have none."""
        self._settle()
        return np.zeros(len(self._rows), np.bool_)

    def position(self, chunk: bytes) -> int:
        """Which mark is a chunk's. Raises BackupDamaged when nothing holds it."""
        found = self._position(chunk)
        if found is None:
            raise damaged(chunk.hex()[:16], "索引中没有", "no index names it")
        return found

    def marked_bytes(self, marks: "Marks") -> dict[str, int]:
        """How many bytes of marked chunks each pack holds; packs without any are left out."""
        rows = self._rows[marks]
        sums = np.bincount(rows["pack"], rows["stored"], len(self._packs))
        return {self._packs[n][0]: int(size) for n, size in enumerate(sums) if size}

    def marked_in(self, marks: "Marks", packs: Collection[str]) -> Iterator[bytes]:
        """The marked chunks of some packs, in the order of the packs."""
        numbers = [self._numbers[pack] for pack in packs]
        rows = self._rows[marks & np.isin(self._rows["pack"], numbers)]
        for row in rows[np.lexsort((rows["offset"], rows["pack"]))]:
            yield row["chunk"].tobytes()

    def _position(self, chunk: bytes) -> int | None:
        key = int.from_bytes(chunk[:8], "big")
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        while at < len(self._keys) and int(self._keys[at]) == key:
            if self._rows[at]["chunk"].tobytes() == chunk:
                return at
            at += 1
        return None

    def _settle(self) -> None:
        if not self._recent:
            return
        fresh = np.fromiter(
            ((np.void(chunk), *place) for chunk, place in self._recent.items()),
            _RECORD,
            len(self._recent),
        )
        joined = b"".join(self._recent)
        keys = np.frombuffer(joined, ">u8")[:: ID_SIZE // 8].astype(np.uint64)
        self._recent.clear()
        rows = np.concatenate((self._rows, fresh))
        every = np.concatenate((self._keys, keys))
        order = np.argsort(every, kind="stable")
        self._rows, self._keys = rows[order], every[order]


Marks = npt.NDArray[np.bool_]
"""One truth for each chunk of an index."""
