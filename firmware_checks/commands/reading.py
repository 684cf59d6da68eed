"""Reads a file that somebody names on the command line: bounded, and never waiting on a pipe."""

import os
import stat
from pathlib import Path


def bounded(path: Path, limit: int) -> bytes | str | None:
    """The bytes of a regular file.

    Args:
        path: The file.
        limit: Most bytes that it may have.

    Returns:
        The bytes, or in English why it cannot be read, or None when it has more than `limit`.
    """
    try:
        # O_NONBLOCK: a pipe must not hold the command until somebody writes into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                return "not a regular file"
            if state.st_size > limit:
                return None
            # securityfs tells a size of 0: the bound is held by the read itself.
            found = file.read(limit + 1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return found if len(found) <= limit else None
