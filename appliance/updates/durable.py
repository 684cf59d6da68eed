"""Small files that are either old or new after a power cut, never neither."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.updates.errors import DiskRefused


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o755, exist_ok=True)
            give_to_owner(path)
            _sync(path.parent)


def give_to_owner(path: Path) -> None:
    """What an administrator's command makes belongs to whom the folder belongs: the service."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def replace_file(path: Path, raw: bytes) -> None:
    """Write a file so that after a power cut the old or the new one is there, never neither."""
    temporary = path.with_name(f".{path.name}.new")
    with disk_errors():
        with temporary.open("wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        give_to_owner(temporary)
        temporary.replace(path)
        _sync(path.parent)


def replace_link(path: Path, target: str) -> None:
    """Make a link, or let it lead elsewhere: after a power cut it is the old or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    with disk_errors():
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
        _sync(path.parent)


def install(part: Path, place: Path) -> None:
    """Put a finished file in its place, durably."""
    with disk_errors():
        descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(place)
        _sync(place.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn the failures of our own disk into a sentence."""
    try:
        yield
    except OSError as error:
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error
