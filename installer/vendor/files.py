"""Files on the vendor's machine: written whole or not at all, read within bounds."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from installer.vendor.errors import VendorDiskRefused

_EXECUTABLE: Final = 0o111


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
    """Copy a file, and whether it may be run; on the disk when this returns."""
    with told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, target.open("xb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            runs = os.fstat(reading.fileno()).st_mode & _EXECUTABLE
            os.fchmod(writing.fileno(), 0o755 if runs else 0o644)
            writing.flush()
            os.fsync(writing.fileno())


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file, one byte beyond the limit at most."""
    with told(path), path.open("rb") as stream:
        return stream.read(limit + 1)


def discard(path: Path) -> None:
    """Remove a file that may be gone already."""
    with told(path):
        path.unlink(missing_ok=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence. Raises VendorDiskRefused."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise VendorDiskRefused(path=error.filename or path, reason=reason) from error
