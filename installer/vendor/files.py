"""Files on the vendor's machine: written whole or not at all, read within bounds."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.vendor.errors import VendorDiskRefused


def write_new(path: Path, raw: bytes) -> None:
    """Write a file, or replace it whole; on the disk when this returns."""
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        with temporary.open("wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)


def copy_new(source: Path, target: Path) -> None:
    """Copy a file; on the disk when this returns."""
    with told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, target.open("xb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file, one byte beyond the limit at most."""
    with told(path), path.open("rb") as stream:
        return stream.read(limit + 1)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence. Raises VendorDiskRefused."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise VendorDiskRefused(path=error.filename or path, reason=reason) from error
