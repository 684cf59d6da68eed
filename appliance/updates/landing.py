"""Blobs from a stick onto our own disk: read in order, hashed and written by others meanwhile."""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from appliance.updates.chunks import check_blob, read_blob
from appliance.updates.direct import push, read_into, room, write_out
from appliance.updates.fetcher import Stick
from appliance.updates.manifest import Blob

_ROOMS: Final = 6
"""Chunks in memory at once: one being read, the others being hashed and written."""
_HANDS: Final = 3
_SYNCS: Final = 4
_PIECE: Final = 1 << 22
# Without O_NONBLOCK the opening of a FIFO would wait for ever.
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
Told = Callable[[Blob], None]


class Landing:
    """Copies blobs into a folder of the same shape; memory is a few chunks, whatever the sizes.

    Nothing is written that was not hashed before, in memory. Python's hashing, reading and writing
    let other threads run, so that one core hashes while another copies.

    Args:
        stick: Where they come from.
        folder: The staged bundle.
        told: Called after each; may raise to stop.
    """

    def __init__(self, stick: Stick, folder: Path, told: Told) -> None:
        self._stick = stick
        self._folder = folder
        self._told = told
        self._rooms: SimpleQueue[memoryview] = SimpleQueue()
        self._made: set[Path] = set()

    def take(self, blobs: Iterable[Blob]) -> None:
        """Copy every blob that is not there whole, each byte of the stick read once.

        Raises:
            ContentRefused: One is missing or is not the signed one; it was not written.
            StickUnreadable: The stick fails; what came over stays.
            OSError: Our own disk does not take it.
        """
        wanted = tuple(blobs)
        largest = max((blob.size for blob in wanted), default=0)  # at most MAX_CHUNK
        for _ in range(_ROOMS):
            self._rooms.put(room(largest))
        landing: deque[Future[None]] = deque()
        with ThreadPoolExecutor(_HANDS, "updates-landing") as hands:
            for blob in wanted:
                target = self._rooms.get()
                if self._there(blob, target):
                    self._rooms.put(target)
                else:
                    read_blob(self._stick, blob, target)
                    landing.append(hands.submit(self._land, blob, target))
                while landing and landing[0].done():
                    landing.popleft().result()
                self._told(blob)
            for future in landing:
                future.result()
        settle(self._folder / blob.place for blob in wanted)

    def _there(self, blob: Blob, target: memoryview) -> bool:
        """Whether an earlier try left it whole; what a power cut spoiled comes again."""
        path = self._folder / blob.place
        if path.parent not in self._made:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._made.add(path.parent)
        try:
            descriptor = os.open(path, _READ)
        except FileNotFoundError:
            return False
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != blob.size:
                return False
            read_into(descriptor, target, blob.size)
        finally:
            os.close(descriptor)
        return sha256(target[: blob.size]).hexdigest() == blob.sha256

    def _land(self, blob: Blob, target: memoryview) -> None:
        try:
            content = target[: blob.size]
            check_blob(blob, content)
            descriptor = os.open(self._folder / blob.place, _NEW, 0o600)
            try:
                write_out(descriptor, content)
            finally:
                os.close(descriptor)
        finally:
            self._rooms.put(target)


def write_new(path: Path, content: bytes | memoryview, mode: int = 0o600) -> None:
    """Write a file; it is on its way to the disk when this returns, and there after `settle`."""
    descriptor = os.open(path, _NEW, mode)
    try:
        write_all(descriptor, content)
        push(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes | bytearray | memoryview) -> None:
    """Write every byte; the system may take fewer at a time."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view[:_PIECE]) :]


def settle(paths: Iterable[Path]) -> None:
    """Wait until files and the folders that hold them are on the disk. Raises OSError."""
    files = tuple(paths)
    # Several at a time share one commit of the file system's journal.
    with ThreadPoolExecutor(_SYNCS, "updates-settling") as hands:
        list(hands.map(sync, files))
        list(hands.map(sync, {path.parent for path in files}))


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, _READ)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
