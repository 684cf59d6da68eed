"""Cuts connections whose clients do not read what is written to them.

What nobody reads stays in memory: some hundred KiB of a stream, all of a whole answer. A reader has
`READ_SECONDS` for an eighth of what is left, `PROGRESS` bytes at least, over and over; where `MANY` are
late at once, or `ROOM` bytes are, only `HASTY_SECONDS`; of more than `MOST` the one that has been late
for longest is cut.
"""

import asyncio
import socket
import struct
import termios
from contextlib import suppress
from fcntl import ioctl
from typing import ClassVar, Final

READ_SECONDS: Final = 30.0
HASTY_SECONDS: Final = 4.0
PROGRESS: Final = 32_768
MANY: Final = 64
MOST: Final = 256
ROOM: Final = 128 * 1_048_576
KERNEL: Final = 65_536
"""Bytes that the kernel takes ahead of what the client's machine has room for, and the box ahead of it."""
_LOOK_S: Final = 2.0
_COUNT: Final = struct.Struct("i")


def unread(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written and have not reached the client's machine."""
    size = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # The kernel tells what it still holds (SIOCOUTQ, the same number as TIOCOUTQ).
        with suppress(OSError, ValueError):
            size += _COUNT.unpack(ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * _COUNT.size))[0]
    return size


def keep_short(transport: asyncio.WriteTransport) -> None:
    """Have the kernel and TLS take little ahead, so that it is seen here who does not read."""
    # TLS would take half a megabyte.
    transport.set_write_buffer_limits(high=KERNEL)
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL)


class SlowReader:
    """Watches one connection from when it is late until it has caught up or is gone.

    Args:
        loop: the event loop.
        transport: the connection.
    """

    __slots__ = ("_loop", "_since", "_timer", "_transport", "left")

    late: ClassVar["dict[SlowReader, None]"] = {}
    cut: ClassVar[int] = 0

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport) -> None:
        self._loop = loop
        self._transport = transport
        self.left = unread(transport)
        self._since = loop.time()
        self._timer = loop.call_later(_LOOK_S, self._look)
        self.late[self] = None
        if len(self.late) > MOST:
            next(iter(self.late)).hang_up()

    def stop(self) -> None:
        """It has caught up, or is gone."""
        self._timer.cancel()
        self.late.pop(self, None)

    def _look(self) -> None:
        now, left = self._loop.time(), unread(self._transport)
        if left <= self.left - max(PROGRESS, self.left // 8):
            self.left, self._since = left, now
        # What was written meanwhile is no lack of progress, and no progress either.
        self.left = max(self.left, left)
        crowded = len(self.late) > MANY or sum(one.left for one in self.late) > ROOM
        if now - self._since >= (HASTY_SECONDS if crowded else READ_SECONDS):
            self.hang_up()
        else:
            self._timer = self._loop.call_later(_LOOK_S, self._look)

    def hang_up(self) -> None:
        """Reset the connection: one that is only closed keeps its bytes in the kernel for minutes."""
        self.stop()
        SlowReader.cut += 1
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
