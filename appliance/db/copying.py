"""A copy of a database that nobody has open: one file, whole, its write-ahead log folded in."""

import errno
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance.db.connection import open_connection, told
from appliance.db.errors import DbDiskFull, DbError
from appliance.db.migration import Migration, applied

_PART: Final = ".part"
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


def copy_closed(path: Path, key: bytes, copy: Path) -> None:
    """Copy a database, page for page as it is encrypted; a power cut leaves a whole copy or none.

    Args:
        path: the file; nobody has it open.
        key: 32 bytes.
        copy: where it goes; what lies there is replaced. Its folder is made.

    Raises:
        DbError: it does not open, somebody has it open, or the disk refused; no copy is left.
    """
    fold(path, key)
    part = copy.with_name(copy.name + _PART)
    try:
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy_file(path, part)
        sync(part)
        part.replace(copy)
        sync(copy.parent)
        sync(copy.parent.parent)
    except OSError as error:
        if error.errno in _FULL:
            raise DbDiskFull(path=copy) from error
        raise DbError(path=copy, reason=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def fold(path: Path, key: bytes) -> None:
    """Bring the write-ahead log into the file, so that the file is all there is.

    Raises:
        DbError: it does not open, or somebody has it open.
    """
    connection = open_connection(path, key)
    try:
        with told(path):
            # Nobody should have it open: waiting for them would help nobody.
            connection.execute("PRAGMA busy_timeout = 500")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        connection.close()
    left = path.with_name(path.name + "-wal")
    if left.exists() and left.stat().st_size:
        raise DbError(path=path, reason="仍有程序打开 another program has it open")


def copy_file(path: Path, part: Path) -> None:
    """Copy the bytes of a file into a new one that its owner alone reads."""
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as target, path.open("rb") as source:
        shutil.copyfileobj(source, target, 1 << 20)


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def outstanding(
    path: Path, key: bytes, migrations: Iterable[Migration]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which steps a version of the software would apply to a database, and which it does not know.

    Args:
        path: the file.
        key: 32 bytes.
        migrations: all steps that the version knows, in order.

    Returns:
        Ids of the steps to come, in order, and of those that are there and unknown.

    Raises:
        DbError: it does not open.
    """
    connection = open_connection(path, key, read_only=True)
    try:
        with told(path):
            done = applied(connection)
    finally:
        connection.close()
    known = [step.id for step in migrations]
    return (
        tuple(one for one in known if one not in done),
        tuple(sorted(done - set(known))),
    )
