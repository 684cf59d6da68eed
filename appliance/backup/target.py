"""Where backups go: named objects that are written whole or not at all; a directory or a disk."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from appliance.backup.errors import BackupAbsent, TargetFull, TargetGone, TargetRefused
from appliance.backup.sealing import Content

PART: Final = ".part"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}(/[a-z0-9][a-z0-9.-]{0,80}){0,2}", re.ASCII)
FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class Target(Protocol):
    """A place for objects. Names are lower-case words with at most two slashes.

    Every method raises TargetGone when the place stops answering; several threads may call at once.
    """

    @property
    def place(self) -> str:
        """Where it is, for sentences."""
        ...

    def read(self, name: str) -> bytes:
        """A whole object. Raises BackupAbsent when there is none."""
        ...

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """A part of an object. Raises BackupAbsent."""
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
        """Names (with the folder) and sizes of the finished objects below a folder."""
        ...

    def sweep(self) -> int:
        """Remove what interrupted writes left; how many."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def checked(name: str) -> str:
    """A name that may stand in a path. Raises TargetRefused."""
    if not _NAME.fullmatch(name):
        raise TargetRefused(name=ascii(name[:80]), reason_zh="名称不合规", reason_en="bad name")
    return name


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

    def read(self, name: str) -> bytes:
        """Read a file."""
        with self._told(name):
            return (self._root / checked(name)).read_bytes()

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Read a part of a file."""
        with self._told(name), (self._root / checked(name)).open("rb", 0) as stream:
            return os.pread(stream.fileno(), size, offset)

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
        """Remove a file."""
        with self._told(name):
            (self._root / checked(name)).unlink(missing_ok=True)

    def list(self, folder: str) -> dict[str, int]:
        """Files below a folder."""
        with self._told(folder):
            return {
                name: path.stat().st_size
                for path, name in self._files(self._root / checked(folder))
                if not name.endswith(PART)
            }

    def sweep(self) -> int:
        """Remove unfinished files."""
        with self._told(PART):
            left = [path for path, name in self._files(self._root) if name.endswith(PART)]
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)

    def close(self) -> None:
        """Nothing to let go of."""

    def _files(self, start: Path) -> Iterator[tuple[Path, str]]:
        for folder, _, names in os.walk(start):
            for name in sorted(names):
                path = Path(folder, name)
                yield path, path.relative_to(self._root).as_posix()

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
