"""Messages between the box and the process that writes its log: frames of MessagePack on a socket."""

import socket
import struct
from typing import Any, Final

import msgspec

_LENGTH: Final = struct.Struct("!I")
_PIECE: Final = 1 << 20
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder().decode


class FrameLost(Exception):
    """The other side hung up."""


class Frames:
    """Sends and receives whole messages over a connected stream socket.

    Args:
        line: the socket; owned from now on.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._left = b""

    def send(self, message: object) -> None:
        """Send one message.

        Raises:
            FrameLost: the other side is gone.
            TypeError, OverflowError: the message holds what MessagePack cannot; nothing was sent.
        """
        body = _ENCODE(message)
        try:
            self._line.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise FrameLost from error

    @staticmethod
    def check(message: object) -> None:
        """Pass what can be sent. Raises TypeError, OverflowError."""
        _ENCODE(message)

    def receive(self) -> Any:
        """Wait for one message. Raises FrameLost."""
        while (message := self._whole()) is None:
            self._fill(0)
        return message

    def poll(self) -> Any:
        """One message, or None while none has come whole. Raises FrameLost."""
        if (message := self._whole()) is not None:
            return message
        try:
            self._fill(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return self._whole()

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _whole(self) -> Any:
        """The first message of what has come; None while it is not whole."""
        if len(self._left) < _LENGTH.size:
            return None
        need = _LENGTH.size + _LENGTH.unpack_from(self._left)[0]
        if len(self._left) < need:
            return None
        body, self._left = self._left[_LENGTH.size : need], self._left[need:]
        return _DECODE(body)

    def _fill(self, flags: int) -> None:
        try:
            piece = self._line.recv(_PIECE, flags)
        except BlockingIOError:
            raise
        except OSError as error:
            raise FrameLost from error
        if not piece:
            raise FrameLost
        self._left += piece
