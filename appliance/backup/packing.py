"""Chunks into packs: hashed, compressed and sealed by several threads, written whole."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from zstandard import ZstdCompressor

from appliance.backup.index import ZSTD, Directory, Index, Piece, rows_of
from appliance.backup.sealing import HEAD_SIZE, TAG_SIZE, Content, ObjectSealer, RepositoryKeys
from appliance.backup.target import Target

PACK: Final = "pack"
PACK_SIZE: Final = 1 << 24
"""A pack is written when it is this long: few files for a disk, little to send again."""
TRAILER: Final = 4

_LEVEL: Final = 1
_LANDING: Final = 2
_SAMPLE: Final = 1 << 15
_WORTH: Final = 0.95
_ROOM: Final = PACK_SIZE + (1 << 22) + (1 << 16)
"""A pack that was almost full, one more chunk, and a directory of a usual size."""


def pack_path(name: str) -> str:
    """Where a pack lies on the target."""
    return f"packs/{name[:2]}/{name}"


@dataclass(slots=True)
class _Open:
    """A pack that grows inside memory that other packs had before it."""

    sealer: ObjectSealer
    room: bytearray
    used: int = 0
    pieces: list[Piece] = field(default_factory=list)

    def begin(self) -> "_Open":
        """Put the head in."""
        self.append(self.sealer.head)
        return self

    def append(self, content: Content) -> None:
        """Put bytes at the end."""
        self.fit(len(content))
        self.room[self.used : self.used + len(content)] = content
        self.used += len(content)

    def add(self, ident: bytes, stored: Content, plain: int, flags: int) -> None:
        """Seal a chunk in place at the end."""
        self.fit(len(stored) + TAG_SIZE)
        with memoryview(self.room) as view:
            context = ident + bytes([flags])
            size = self.sealer.seal_into(len(self.pieces), stored, context, view[self.used :])
        self.used += size
        self.pieces.append(Piece(ident, size, plain, flags))

    def fit(self, more: int) -> None:
        """Make room; only a directory of very many very small chunks ever needs it."""
        if self.used + more > len(self.room):
            self.room.extend(bytes(self.used + more - len(self.room)))


class Packer:
    """Takes chunks and gives their keyed hashes; what the backup has already is not written again.

    Each thread fills a pack of its own. Memory: a pack and two chunks for each thread, two
    packs on their way to the target, and the chunks that wait.

    Args:
        keys: of the backup.
        target: where packs go.
        known: every chunk that is there; it learns the new ones.
        threads: how many work.
        written: called with each pack that is durable.
    """

    def __init__(
        self,
        keys: RepositoryKeys,
        target: Target,
        known: Index,
        threads: int,
        written: Callable[[Directory], None],
    ) -> None:
        self._keys = keys
        self._target = target
        self._known = known
        self._written = written
        self._pool = ThreadPoolExecutor(threads, "backup")
        self._target_pool = ThreadPoolExecutor(_LANDING, "backup-target")
        self._landings = threading.BoundedSemaphore(_LANDING)
        self._room = threading.BoundedSemaphore(threads * 2)
        self._lock = threading.Lock()
        self._coming: set[bytes] = set()
        self._local = threading.local()
        self._packs: list[_Open] = []
        self._spare: list[bytearray] = []
        self._fault: BaseException | None = None
        self.added = 0

    def put(self, chunk: Content) -> "Future[bytes]":
        """Queue a chunk; waits while too many wait.

        Returns:
            Its keyed hash, once it is known to be there or stands in a pack that grows.

        Raises:
            BackupError: an earlier chunk could not be written.
        """
        self._check()
        self._room.acquire()
        try:
            return self._pool.submit(self._take, chunk)
        except BaseException:
            self._room.release()
            raise

    def finish(self) -> None:
        """Write the packs that are not full. Raises BackupError."""
        self._pool.shutdown(wait=True)
        self._target_pool.shutdown(wait=True)
        self._check()
        packs, self._packs = self._packs, []
        for one in packs:
            if one.pieces:
                self._write(one)

    def abandon(self) -> None:
        """Stop without writing what is left."""
        self._fault = self._fault or RuntimeError("abandoned")
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._target_pool.shutdown(wait=True)

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _take(self, chunk: Content) -> bytes:
        try:
            self._check()
            ident = self._keys.chunk_id(chunk)
            with self._lock:
                if ident in self._known or ident in self._coming:
                    return ident
                self._coming.add(ident)
            self._add(ident, chunk)
        except BaseException as error:
            self._fault = self._fault or error
            raise
        else:
            return ident
        finally:
            self._room.release()

    def _add(self, ident: bytes, chunk: Content) -> None:
        stored, flags = self._squeezed(chunk)
        pack = self._open()
        pack.add(ident, stored, len(chunk), flags)
        if pack.used >= PACK_SIZE:
            self._local.pack = None
            with self._lock:
                self._packs.remove(pack)
            self._land(pack)

    def _land(self, pack: _Open) -> None:
        """Hand a full pack to the target while this thread goes on; no more than a few wait."""
        self._landings.acquire()
        try:
            self._target_pool.submit(self._landed, pack)
        except BaseException:
            self._landings.release()
            raise

    def _landed(self, pack: _Open) -> None:
        try:
            if self._fault is None:
                self._write(pack)
        except BaseException as error:
            self._fault = self._fault or error
            raise
        finally:
            self._landings.release()

    def _squeezed(self, chunk: Content) -> tuple[Content, int]:
        compressor: ZstdCompressor | None = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = ZstdCompressor(level=_LEVEL)
        # Weights and ciphertext do not shrink: a sample tells, and saves the time for the rest.
        middle = max(0, len(chunk) // 2 - _SAMPLE // 2)
        sample = chunk[middle : middle + _SAMPLE]
        if len(chunk) > _SAMPLE and len(compressor.compress(sample)) > _WORTH * len(sample):
            return chunk, 0
        small = compressor.compress(chunk)
        return (small, ZSTD) if len(small) < _WORTH * len(chunk) else (chunk, 0)

    def _open(self) -> _Open:
        pack: _Open | None = getattr(self._local, "pack", None)
        if pack is None:
            sealer = ObjectSealer(self._keys, PACK)
            with self._lock:
                room = self._spare.pop() if self._spare else None
            pack = self._local.pack = _Open(sealer, room or bytearray(_ROOM)).begin()
            with self._lock:
                self._packs.append(pack)
        return pack

    def _write(self, pack: _Open) -> None:
        rows = pack.sealer.seal(len(pack.pieces), rows_of(pack.pieces), b"directory")
        pack.append(rows + len(rows).to_bytes(TRAILER, "big"))
        name = self._keys.pack_name(pack.sealer.salt, rows)
        with memoryview(pack.room) as view, view[: pack.used] as content:
            self._target.write(pack_path(name), content)
        made = Directory(name, pack.used, tuple(pack.pieces))
        with self._lock:
            self._spare.append(pack.room)
            self._known.add(made)
            self._coming.difference_update(piece.chunk for piece in pack.pieces)
            self.added += made.size
            self._written(made)


FIRST: Final = HEAD_SIZE
"""Offset of the first chunk in a pack."""
