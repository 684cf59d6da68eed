"""Large reads and writes that pass through the page cache and leave nothing behind.

The system reads ahead while we hash, and gathers what we write, which keeps a disk busier than transfers
past the cache do, one after another. But what is copied once is not read again soon: it must not push out
what the box serves from, nor wait in memory for the end, when all of it would have to be written at once.
"""

import os
from typing import Final

_PIECE: Final = 1 << 22


def room(size: int) -> memoryview:
    """Memory of that size, to read into."""
    return memoryview(bytearray(size))


def read_into(descriptor: int, target: memoryview, size: int) -> int:
    """Read a file from its beginning, and let go of it.

    Args:
        descriptor: An open file.
        target: Where to; it may be longer.
        size: Bytes wanted.

    Returns:
        Bytes read; fewer only where the file ends.

    Raises:
        OSError: It cannot be read.
    """
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    done = 0
    while done < size:
        count = os.readv(descriptor, [target[done : min(size, done + _PIECE)]])
        if not count:
            break
        done += count
    push(descriptor)
    return done


def write_all(descriptor: int, content: bytes | bytearray | memoryview) -> None:
    """Write every byte; the system may take fewer at a time. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view[:_PIECE]) :]


def push(descriptor: int) -> None:
    """Let go of what is on the disk, and let the disk begin with what is not; a hint."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
