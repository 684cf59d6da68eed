"""Files out of a snapshot: made anew in a directory, several at a time, each chunk authenticated."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from appliance.backup.errors import RestoreRefused
from appliance.backup.index import Index
from appliance.backup.ours import Told
from appliance.backup.repository import Repository
from appliance.backup.sealing import damaged
from appliance.backup.snapshot import Entry

_LARGE: Final = 1 << 22
_MUCH: Final = 1 << 26
_MOST_LANDING: Final = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of one entry.

    Args:
        entry: what the snapshot holds.
        keep: written when true; else every byte is fetched and authenticated all the same.
    """

    entry: Entry
    keep: bool = True


class FileWriter:
    """Writes entries below a root. Memory: two chunks for each thread.

    Args:
        repository: the backup.
        index: of the backup.
        root: an existing directory.
        threads: that fetch, open and unpack.
        told: hears progress; may raise to stop.
    """

    def __init__(
        self, repository: Repository, index: Index, root: Path, threads: int, told: Told
    ) -> None:
        self._repository = repository
        self._index = index
        self._root = root
        self._threads = threads
        self._told = told
        self._done = 0
        self._disk: ThreadPoolExecutor | None = None
        self._landing: deque[Future[None]] = deque()

    def write(self, wishes: Iterable[Wish], total: int) -> int:
        """Make all of them; durable when this returns.

        Args:
            wishes: in the order of a manifest.
            total: bytes in all, for progress.

        Returns:
            Bytes that were authenticated.

        Raises:
            BackupDamaged: a chunk is missing or altered; it names the object.
            RestoreRefused: the place cannot be written.
        """
        folders: list[tuple[Path, int]] = []
        path = ""
        try:
            with (
                ThreadPoolExecutor(self._threads, "restore") as pool,
                ThreadPoolExecutor(1, "restore-disk") as self._disk,
            ):
                for wish in wishes:
                    path = wish.entry.path
                    self._one(pool, wish, folders, total)
                while self._landing:
                    self._landing.popleft().result()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            place = self._root / path
            raise RestoreRefused(place=place, reason_zh=reason, reason_en=reason) from error
        for folder, mode in reversed(folders):
            folder.chmod(mode)
        _settle(self._root)
        return self._done

    def _one(
        self, pool: ThreadPoolExecutor, wish: Wish, folders: list[tuple[Path, int]], total: int
    ) -> None:
        entry = wish.entry
        path = self._root / inside(entry.path)
        if entry.kind == "f":
            self._file(pool, wish, path, total)
        elif not wish.keep:
            return
        elif entry.kind == "d":
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folders.append((path, entry.mode))
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if entry.kind == "l":
                path.symlink_to(entry.to)
            else:
                path.hardlink_to(self._root / inside(entry.to))

    def _file(self, pool: ThreadPoolExecutor, wish: Wish, path: Path, total: int) -> None:
        entry = wish.entry
        if not wish.keep:
            for chunk in self._chunks(pool, entry):
                self._progress(len(chunk), total)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        written = unsettled = 0
        try:
            for chunk in self._chunks(pool, entry):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(handle, view) :]
                written += len(chunk)
                unsettled += len(chunk)
                if unsettled >= _MUCH:
                    self._land(os.dup(handle))
                    unsettled = 0
                self._progress(len(chunk), total)
            os.fchmod(handle, entry.mode)
            if unsettled >= _LARGE:
                self._land(os.dup(handle))
        finally:
            os.close(handle)
        if written != entry.size:
            raise damaged(entry.path, "大小不符", "it has another size")
        with suppress(OSError):
            os.utime(path, ns=(entry.stamps[0], entry.stamps[0]))

    def _land(self, handle: int) -> None:
        """Let the disk work at a large file while the next one is opened and unpacked."""
        if self._disk is None:
            os.close(handle)
            return
        self._landing.append(self._disk.submit(_landed, handle))
        while len(self._landing) > _MOST_LANDING:
            self._landing.popleft().result()

    def _chunks(self, pool: ThreadPoolExecutor, entry: Entry) -> Iterator[bytes]:
        coming: deque[Future[bytes]] = deque()
        try:
            for ident in entry.ids():
                coming.append(pool.submit(self._fetch, ident))
                if len(coming) > self._threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()

    def _fetch(self, ident: bytes) -> bytes:
        return self._repository.chunk(ident, self._index.find(ident))

    def _progress(self, count: int, total: int) -> None:
        self._done += count
        self._told("restore", self._done, max(total, self._done))


def _landed(handle: int) -> None:
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)


def _settle(root: Path) -> None:
    """Wait until the disk has everything below `root` (syncfs(2)): one wait for many files."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise RestoreRefused(
                place=root, reason_zh=os.strerror(number), reason_en=os.strerror(number)
            )
    finally:
        os.close(handle)


def inside(path: str) -> Path:
    """A path that stays below its root. Raises BackupDamaged."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\x00" in path:
        raise damaged(ascii(path[:80]), "路径越界", "its path leads outside")
    return Path(pure)


Choose = Callable[[Entry], bool]
"""Whether an entry is written, or fetched and authenticated only."""
