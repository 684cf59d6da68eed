"""Bringing bytes onto the shelf: copied and hashed in one pass, synced, then renamed in."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from models.errors import ShelfFull, SourceChanged
from models.formats.refusals import FileUnreadable, FolderRefused, quoted
from models.registry.manifest import ManifestFile, safe_name

_CHUNK: Final = 1 << 20
# Room that must stay free beside a model, for the database and the log.
_RESERVE: Final = 64 << 20
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


def source_files(source: Path) -> dict[str, Path]:
    """Names and paths of the files of a model: itself, or everything inside a folder.

    Raises:
        FolderRefused: A link stands where a file should, or a name is not acceptable.
    """
    if not source.is_dir():
        if not safe_name(source.name):
            raise FolderRefused.by("file-name", name=quoted(source.name))
        return {source.name: source}
    found: dict[str, Path] = {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            raise FolderRefused.by("link", name=quoted(name))
        if path.is_file():
            found[name] = path
    return found


def check_space(folder: Path, needed: int) -> None:
    """Refuses before copying what could not end.

    Raises:
        ShelfFull: Less than `needed` bytes and a reserve are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _RESERVE:
        raise ShelfFull(needed=needed + _RESERVE, free=free)


@contextmanager
def disk_errors(folder: Path, needed: int) -> Iterator[None]:
    """Turns a full disk into its sentence.

    Raises:
        ShelfFull: Writing inside the block found no room.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(folder).free
        raise ShelfFull(needed=needed, free=free) from error


def copy_in(source: Path, target: Path, name: str) -> ManifestFile:
    """Copies one file, hashing what it writes, and syncs it.

    The digest is of the bytes written, so a source that changes between checking and copying
    gains nothing: the copy is inspected again before it counts.

    Args:
        source: The file; a link is not followed.
        target: The new file; must not exist.
        name: Its name inside the model.

    Raises:
        SourceChanged: The source grew, shrank or was written to meanwhile.
        FileUnreadable: The source cannot be read.
        OSError: The target cannot be written.
    """
    try:
        reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileUnreadable(path=ascii(str(source)), reason=reason) from error
    try:
        before = os.fstat(reading)
        target.parent.mkdir(parents=True, exist_ok=True)
        size, digest = _copy(reading, target)
        after = os.fstat(reading)
    finally:
        os.close(reading)
    if size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise SourceChanged(name=name)
    return ManifestFile(name, size, digest)


def link_in(source: Path, target: Path, name: str) -> ManifestFile:
    """Takes a file over that lies on the shelf's own file system and is given up: linked and hashed.

    Args:
        source: The file; nobody else may write to it.
        target: The new name; must not exist.
        name: Its name inside the model.

    Raises:
        FileUnreadable: The source is a link, or cannot be linked or read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
        target.chmod(0o440, follow_symlinks=True)
        return ManifestFile(name, target.stat().st_size, digest_of(target))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileUnreadable(path=ascii(str(source)), reason=reason) from error


def _copy(reading: int, target: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o600), "wb", buffering=0) as writing:
        while part := os.read(reading, _CHUNK):
            digest.update(part)
            size += len(part)
            view = memoryview(part)
            while view:
                view = view[os.write(writing.fileno(), view) :]
        os.fsync(writing.fileno())
    target.chmod(0o440)
    return size, digest.hexdigest()


def write_file(target: Path, content: bytes) -> None:
    """Writes a small new file and syncs it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o640), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
