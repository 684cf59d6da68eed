"""Files out of a snapshot: made anew in a directory, several at a time, each chunk authenticated."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from appliance.backup.errors import RestoreFull, RestoreRefused
from appliance.backup.index import Index, Place
from appliance.backup.ours import Told
from appliance.backup.repository import Repository
from appliance.backup.sealing import damaged
from appliance.backup.snapshot import Entry
from appliance.backup.target import FULL

_LARGE: Final = 1 << 22
_MUCH: Final = 1 << 26
_MOST_LANDING: Final = 4
_AHEAD: Final = 8
"""Steps that may wait for each thread; a step on its way holds no memory."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of one entry.

    Args:
        entry: what the snapshot holds.
        keep: written when true; else every byte is fetched and authenticated all the same.
    """

    entry: Entry
    keep: bool = True


@dataclass(slots=True)
class _Growing:
    """A file that is being filled; without a handle its bytes are only fetched."""

    entry: Entry
    path: Path
    handle: int = -1
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """A chunk on its way into a file; without one the end of that file."""

    file: _Growing
    size: int = 0
    coming: Future[None] | None = None


class FileWriter:
    """Writes entries below a root; each thread puts what it opened where it belongs.

    Memory: two chunks for each thread.

    Args:
        repository: the backup.
        index: of the backup.
        root: an existing directory.
        threads: that fetch, open, unpack and write.
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
        self._done = self._total = 0
        self._steps: deque[_Step] = deque()
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
            RestoreFull: its disk is full.
        """
        folders: list[tuple[Path, int]] = []
        self._total = total
        path = ""
        try:
            with (
                ThreadPoolExecutor(1, "restore-disk") as self._disk,
                self._pool() as pool,
            ):
                for wish in wishes:
                    path = wish.entry.path
                    self._one(pool, wish, folders)
                self._advance(0)
                while self._landing:
                    self._landing.popleft().result()
        except OSError as error:
            if error.errno in FULL:
                raise RestoreFull(place=self._root, size=total) from error
            reason = error.strerror or type(error).__name__
            place = self._root / path
            raise RestoreRefused(place=place, reason_zh=reason, reason_en=reason) from error
        for folder, mode in reversed(folders):
            folder.chmod(mode)
        _settle(self._root)
        return self._done

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        """The threads; when they have left, however it ended, no file stays open."""
        pool = ThreadPoolExecutor(self._threads, "restore")
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for file in {id(step.file): step.file for step in self._steps}.values():
                if file.handle >= 0:
                    os.close(file.handle)
            self._steps.clear()

    def _one(self, pool: ThreadPoolExecutor, wish: Wish, folders: list[tuple[Path, int]]) -> None:
        entry = wish.entry
        path = self._root / inside(entry.path)
        if entry.kind == "f":
            self._file(pool, wish, path)
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

    def _file(self, pool: ThreadPoolExecutor, wish: Wish, path: Path) -> None:
        """Open a file and send for its chunks; where each belongs is known beforehand."""
        entry = wish.entry
        places = [(ident, self._index.find(ident)) for ident in entry.ids()]
        if sum(place.plain for _, place in places) != entry.size:
            raise damaged(entry.path, "大小不符", "it has another size")
        file = _Growing(entry, path)
        if wish.keep:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            file.handle = os.open(path, flags, 0o600)
        # Its end is put down first and moved on: whatever fails, the file is closed.
        self._steps.append(_Step(file))
        at = 0
        for ident, place in places:
            coming = pool.submit(self._bring, file.handle, ident, place, at)
            end = self._steps.pop()
            self._steps += (_Step(file, place.plain, coming), end)
            at += place.plain
            self._advance(_AHEAD * self._threads)

    def _bring(self, handle: int, ident: bytes, place: Place, at: int) -> None:
        with memoryview(self._repository.lent_chunk(ident, place)) as chunk:
            done = 0
            while handle >= 0 and done < len(chunk):
                done += os.pwrite(handle, chunk[done:], at + done)

    def _advance(self, leave: int) -> None:
        """Wait for the earliest steps, until no more than so many are left."""
        while len(self._steps) > leave:
            step = self._steps[0]
            if step.coming is None:
                self._finish(step.file)
            else:
                step.coming.result()
                self._count(step)
            self._steps.popleft()

    def _count(self, step: _Step) -> None:
        file = step.file
        file.unsettled += step.size
        if file.unsettled >= _MUCH:
            self._land(file)
        self._done += step.size
        self._told("restore", self._done, max(self._total, self._done))

    def _finish(self, file: _Growing) -> None:
        if file.handle < 0:
            return
        os.fchmod(file.handle, file.entry.mode)
        if file.unsettled >= _LARGE:
            self._land(file)
        handle, file.handle = file.handle, -1
        os.close(handle)
        with suppress(OSError):
            os.utime(file.path, ns=(file.entry.stamps[0], file.entry.stamps[0]))

    def _land(self, file: _Growing) -> None:
        """Let the disk work at a large file while the next one is opened and unpacked."""
        file.unsettled = 0
        if self._disk is None or file.handle < 0:
            return
        self._landing.append(self._disk.submit(_landed, os.dup(file.handle)))
        while len(self._landing) > _MOST_LANDING:
            self._landing.popleft().result()


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
