"""Where backups go: named objects that are written whole or not at all; a directory or a disk."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from appliance.backup.errors import (
    BackupAbsent,
    BackupDamaged,
    TargetFull,
    TargetGone,
    TargetRefused,
)
from appliance.backup.objects import LARGEST, PART, Files, Folders, checked, finished, unfinished
from appliance.backup.sealing import Content, damaged

FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

FORBIDDEN: Final = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


class Target(Protocol):
    """A place for objects. Names are lower-case words with at most two slashes.

    Every method raises TargetGone when the place stops answering; several threads may call at once.
    """

    @property
    def place(self) -> str:
        """Where it is, for sentences."""
        ...

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """A whole object of at most so many bytes.

        Raises BackupAbsent when there is none, BackupDamaged when it is longer or no file at all.
        """
        ...

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """A part of an object. Raises as `read`."""
        ...

    def write(self, name: str, content: Content) -> None:
        """Make an object, durable when this returns; a crash leaves none or all of it.

        An object of the same name is replaced in one step. Raises TargetFull.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
        ...

    def list(self, folder: str) -> dict[str, int]:
        """Names (with the folder) and sizes of the finished objects below a folder, and of nothing else."""
        ...

    def sweep(self) -> int:
        """Remove what interrupted writes of objects left; how many."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class DirectoryTarget:
    """Objects as files below a directory.

    Where a disk was unmounted or pulled out, an empty directory may be left, on the system's own
    disk: it is another one than before, and nothing is written or found missing there.

    Args:
        root: an existing directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: tuple[int, int] | None = None

    @property
    def place(self) -> str:
        """The directory."""
        return str(self._root)

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """Read a file."""
        with self._told(name), self._file(name) as handle:
            if os.fstat(handle).st_size > most:
                raise too_long(name)
            with os.fdopen(os.dup(handle), "rb") as stream:
                return stream.read(most)

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Read a part of a file."""
        with self._told(name), self._file(name) as handle:
            return os.pread(handle, size, offset)

    def write(self, name: str, content: Content) -> None:
        """Write beside, wait for the disk, rename, wait for the directory."""
        path = self._root / checked(name)
        part = path.with_name(path.name + PART)
        with self._told(name):
            self._folder(path.parent)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                handle = os.open(part, flags, 0o600)
                with os.fdopen(handle, "wb", 0) as stream:
                    _write_all(handle, content)
                    os.fsync(stream.fileno())
                part.replace(path)
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                raise
            _sync(path.parent)

    def delete(self, name: str) -> None:
        """Remove a file, and wait for the directory: what is deleted next may have been named by it."""
        path = self._root / checked(name)
        with self._told(name), suppress(FileNotFoundError):
            path.unlink()
            _sync(path.parent)

    def list(self, folder: str) -> dict[str, int]:
        """Files below a folder."""
        with self._told(folder):
            return finished(self._scan, checked(folder))

    def sweep(self) -> int:
        """Remove unfinished files."""
        with self._told(PART):
            left = unfinished(self._scan)
            for name in left:
                (self._root / name).unlink(missing_ok=True)
        return len(left)

    def close(self) -> None:
        """Nothing to let go of."""

    def _scan(self, folder: str) -> tuple[Files, Folders]:
        files: Files = []
        folders: Folders = []
        try:
            found = list(os.scandir(self._root / folder))
        except FileNotFoundError as error:
            self._require_still(error)
            return files, folders
        for one in found:
            name = f"{folder}/{one.name}" if folder else one.name
            if one.is_dir(follow_symlinks=False):
                folders.append(name)
            elif one.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    files.append((name, one.stat(follow_symlinks=False).st_size))
        return files, folders

    @contextmanager
    def _file(self, name: str) -> Iterator[int]:
        """A file that is one: whoever opens a pipe or another's link may wait, or read, for ever."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(self._root / checked(name), flags)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise no_file(name) from error
            raise
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise no_file(name)
            yield handle
        finally:
            os.close(handle)

    def _require_same(self) -> None:
        self._require_known(self._root.stat())

    def _require_known(self, info: os.stat_result) -> None:
        found = info.st_dev, info.st_ino
        if found != (self._known or found):
            raise FileNotFoundError(errno.ENOENT, "另一个目录 another directory", self.place)
        self._known = found

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            self._require_same()
        except OSError as error:
            raise TargetGone(name=self.place, reason=error.strerror or str(error)) from error
        try:
            yield
        except FileNotFoundError as error:
            self._require_still(error)
            raise BackupAbsent(place=f"{self.place}/{name}") from error
        except OSError as error:
            if error.errno in FULL:
                raise TargetFull(place=self.place) from error
            if error.errno in FORBIDDEN:
                raise refused(self.place, error.strerror or str(error)) from error
            raise TargetGone(name=self.place, reason=error.strerror or str(error)) from error

    def _require_still(self, error: FileNotFoundError) -> None:
        """What is not there may be so because everything else went too."""
        try:
            self._require_same()
        except OSError as gone:
            raise TargetGone(name=self.place, reason=gone.strerror or str(gone)) from error

    def _folder(self, folder: Path) -> None:
        """Make the folders of a file below the directory that is known, and below no other.

        By its handle, not by its path: a disk that goes between the look and this leaves the path
        to an empty directory, which must stay empty.
        """
        if folder.is_dir():
            return
        root = _opened(self._root)
        try:
            self._require_known(os.fstat(root))
            place = Path()
            for part in folder.relative_to(self._root).parts:
                above, place = place, place / part
                with suppress(FileExistsError):
                    os.mkdir(place, 0o700, dir_fd=root)
                    _sync(above, root)
        finally:
            os.close(root)


def too_long(name: str) -> BackupDamaged:
    """The refusal of an object that is longer than any that was written."""
    return damaged(name, "比写入的任何对象都大", "it is larger than anything that was written")


def no_file(name: str) -> BackupDamaged:
    """The refusal of a pipe, a link or a folder where an object should be."""
    return damaged(name, "不是普通文件", "it is no file")


def refused(place: str, reason: str) -> TargetRefused:
    """The refusal of a target that does not let the box do what a backup takes."""
    return TargetRefused(
        name=place,
        reason_zh=f"目标不允许这样做({reason})",
        reason_en=f"it does not allow this ({reason})",
    )


def _write_all(handle: int, content: Content) -> None:
    done = 0
    with memoryview(content) as view:
        while done < len(view):
            with view[done:] as left:
                done += os.write(handle, left)


def _sync(folder: Path, root: int | None = None) -> None:
    handle = _opened(folder, root)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(folder: Path, root: int | None = None) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
