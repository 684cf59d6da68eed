"""Changes of the disk that are old or new after a power cut; nothing here follows a link of others."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_folder(folder: Path, mode: int = 0o755) -> None:
    """Make a folder and its parents, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    with suppress(FileExistsError):
        os.mkdir(folder, mode)  # noqa: PTH102  # one system call, which a power cut can follow
    sync(folder.parent)


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that the old or the new one is there, never neither, never half of one.

    Written by the superuser into somebody's folder, it is given to whom the folder belongs.
    """
    with opened_folder(path.parent) as folder:
        fresh = f".{path.name}.fresh"
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        handle = os.open(fresh, _FRESH, mode, dir_fd=folder)
        try:
            os.fchmod(handle, mode)
            _give(handle, os.fstat(folder))
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def read_file(path: Path, limit: int) -> bytes | None:
    """Read a small plain file of somebody else's folder; None when there is none.

    Raises:
        OSError: it is a link or cannot be read.
        ValueError: it is no plain file, or longer than it may be.
    """
    try:
        with opened_folder(path.parent) as folder:
            handle = os.open(path.name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            message = f"{path} is no plain file"
            raise ValueError(message)
        content = stream.read(limit + 1)
    if len(content) > limit:
        message = f"{path} is longer than {limit} bytes"
        raise ValueError(message)
    return content


def point(path: Path, target: str) -> None:
    """Let a link lead elsewhere: after a power cut it leads to the old or to the new place."""
    with opened_folder(path.parent) as folder:
        fresh = f".{path.name}.fresh"
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        os.symlink(target, fresh, dir_fd=folder)
        os.replace(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def rename(path: Path, to: Path) -> None:
    """Move something on one disk, durably."""
    with opened_folder(path.parent) as here, opened_folder(to.parent) as there:
        os.rename(path.name, to.name, src_dir_fd=here, dst_dir_fd=there)
        os.fsync(there)
        os.fsync(here)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; absent is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file or the names of a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until everything below a folder is on the disk, and every name of it."""
    for here, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(here, name)
            if not path.is_symlink():
                sync(path)
    sync(folder)


@contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """A folder, held by its descriptor; it is no link itself."""
    handle = os.open(folder, _FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


def _give(handle: int, folder: os.stat_result) -> None:
    if os.geteuid() == 0 and folder.st_uid != 0:
        os.fchown(handle, folder.st_uid, folder.st_gid)
