"""Blobs from a stick onto our own disk: a few at a time, each read, hashed and written by one hand."""

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
from appliance.updates.fetcher import Stick
from appliance.updates.manifest import Blob
from appliance.updates.passing import push, read_into, room, write_all

_HANDS: Final = 4
"""Chunks in memory at once. One reader alone leaves the disk idle where a chunk ends and the next
begins, and while it writes."""
_SYNCS: Final = 4
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
        told: Called after each, in order; may raise to stop.
    """

    def __init__(self, stick: Stick, folder: Path, told: Told) -> None:
        self._stick = stick
        self._folder = folder
        self._told = told
        self._rooms: SimpleQueue[memoryview] = SimpleQueue()

    def take(self, blobs: Iterable[Blob]) -> None:
        """Copy every blob that is not there whole, each byte of the stick read once.

        Raises:
            ContentRefused: One is missing or is not the signed one; it was not written.
            StickUnreadable: The stick fails; what came over stays.
            OSError: Our own disk does not take it.
        """
        wanted = tuple(blobs)
        largest = max((blob.size for blob in wanted), default=0)  # at most MAX_CHUNK
        for _ in range(_HANDS):
            self._rooms.put(room(largest))
        landing: deque[tuple[Blob, Future[None]]] = deque()
        with ThreadPoolExecutor(_HANDS, "updates-landing") as hands:
            for blob in wanted:
                target = self._rooms.get()
                landing.append((blob, hands.submit(self._land, blob, target)))
                while landing and landing[0][1].done():
                    self._account(*landing.popleft())
            while landing:
                self._account(*landing.popleft())
        settle(self._folder / blob.place for blob in wanted)

    def _account(self, blob: Blob, future: Future[None]) -> None:
        future.result()
        self._told(blob)

    def _land(self, blob: Blob, target: memoryview) -> None:
        try:
            if not self._there(blob, target):
                read_blob(self._stick, blob, target)
                content = target[: blob.size]
                check_blob(blob, content)
                write_new(self._folder / blob.place, content)
        finally:
            self._rooms.put(target)

    def _there(self, blob: Blob, target: memoryview) -> bool:
        """Whether an earlier try left it whole; what a power cut spoiled comes again."""
        path = self._folder / blob.place
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def write_new(path: Path, content: bytes | memoryview, mode: int = 0o600) -> None:
    """Write a file; it is on its way to the disk when this returns, and there after `settle`."""
    descriptor = os.open(path, _NEW, mode)
    try:
        write_all(descriptor, content)
        push(descriptor)
    finally:
        os.close(descriptor)


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
