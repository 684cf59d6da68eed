"""A pid file whose lock tells whether its process lives: what a killed one left locks nobody out."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.commands.errors import SupervisorRunning

_POLL_S: Final = 0.01
_LOOKS_S: Final = 3.0


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the pid file's lock for life.

    Raises:
        SupervisorRunning: another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, path)
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    """Take the lock. Whoever only looks (`holder`) holds it for a moment, so one look is not enough."""
    ends = time.monotonic() + _LOOKS_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if _read_pid(path) or time.monotonic() > ends:
                raise SupervisorRunning(pid=_read_pid(path)) from error
            time.sleep(_POLL_S)
        else:
            return


def holder(path: Path) -> int:
    """The pid of the process that holds the lock, 0 when none does."""
    return _read_pid(path) if locked(path) else 0


def locked(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _read_pid(path: Path) -> int:
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isascii() and text.isdigit() else 0
