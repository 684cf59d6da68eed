"""Large reads and writes past the page cache, where the file system can: half the work of a copy.

What is copied once is not read again soon, and copying it through the system's own memory costs as much
as hashing it. Memory must begin at a page for this; `room` gives such memory. Where a file system or a
piece of a file is not fit for it, the ordinary way is taken.
"""

import errno
import fcntl
import mmap
import os
from typing import Final

LEAST: Final = 1 << 20
"""Smaller files go the ordinary way: the system gathers them better than we do."""
_PIECE: Final = 1 << 24
_PAGE: Final = 4096


def room(size: int) -> memoryview:
    """Memory that begins and ends at a page, of at least that size."""
    return memoryview(mmap.mmap(-1, max(1, -(-size // _PAGE)) * _PAGE))


def read_into(descriptor: int, target: memoryview, size: int) -> int:
    """Read a file from its beginning into memory of `room`.

    Args:
        descriptor: An open file.
        target: Where to; it may be longer.
        size: Bytes wanted.

    Returns:
        Bytes read; fewer only where the file ends.

    Raises:
        OSError: It cannot be read.
    """
    direct = size >= LEAST and _switch(descriptor, on=True)
    done = 0
    while done < size:
        # A page more than wanted, so that the last piece is whole pages too.
        end = min(len(target), done + _PIECE) if direct else min(size, done + _PIECE)
        try:
            count = os.readv(descriptor, [target[done:end]])
        except OSError as error:
            if not direct or error.errno != errno.EINVAL:
                raise
            direct = not _switch(descriptor, on=False)
            continue
        if not count:
            break
        done += count
    return min(done, size)


def write_out(descriptor: int, content: memoryview) -> None:
    """Write memory of `room` from the beginning of a new file on.

    Raises:
        OSError: The disk does not take it.
    """
    direct = len(content) >= LEAST and _switch(descriptor, on=True)
    done = 0
    while done < len(content):
        rest = len(content) - done
        if direct and rest < _PAGE:
            direct = not _switch(descriptor, on=False)
        length = min(rest, _PIECE)
        if direct:
            length -= length % _PAGE
        try:
            done += os.write(descriptor, content[done : done + length])
        except OSError as error:
            if not direct or error.errno != errno.EINVAL:
                raise
            direct = not _switch(descriptor, on=False)
    if not direct:
        push(descriptor)


def push(descriptor: int) -> None:
    """Let the disk begin now with what it would do at the end; a hint that some systems ignore."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _switch(descriptor: int, *, on: bool) -> bool:
    """Whether the file now goes past the page cache, or, switched off, no longer does."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    wanted = flags | os.O_DIRECT if on else flags & ~os.O_DIRECT
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, wanted)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True
