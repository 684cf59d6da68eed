"""Writing what comes over the line into a new file of this machine."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path


class FileRefused(Exception):
    """This machine does not take the file; the sentence says why."""


async def write_new(path: Path, pieces: AsyncIterator[bytes]) -> int:
    """Write into a new file, readable by its owner alone; half a file is taken away.

    Returns:
        Its size in bytes.

    Raises:
        FileRefused: there is one already, or the folder cannot be written.
    """
    try:
        held = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
    size, whole = 0, False
    try:
        with os.fdopen(held, "wb") as file:
            async for piece in pieces:
                size += await asyncio.to_thread(file.write, piece)
        whole = True
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
    finally:
        if not whole:
            await asyncio.to_thread(path.unlink, missing_ok=True)
    return size
