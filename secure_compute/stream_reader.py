"""Reading a sealed stream at any place: its chunks are opened as they are asked for."""

import io
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from typing_extensions import Buffer, override

from secure_compute.envelope import TAG_SIZE
from secure_compute.errors import SealBroken
from secure_compute.stream import CHUNK, StreamKey, nonce_of, open_header, read_full

_SEALED: Final = CHUNK + TAG_SIZE


class SealedReader(io.RawIOBase):
    """The plaintext of what `seal_stream` or `SealedWriter` made, as a file that can be sought in.

    One chunk (1 MiB) is held open at a time. Nothing of a stream that was cut or lengthened is
    handed out: its end is looked at first. Wrap it in `io.BufferedReader` to read lines.

    Args:
        source: the sealed file, at its beginning; it can be sought in, and is closed with this.
        key: what opens it; it may be wiped as soon as this is made.

    Raises:
        SealMalformed: It does not begin like a sealed stream.
        SealBroken: Another key or context, or an altered end.
    """

    def __init__(self, source: BinaryIO, key: StreamKey) -> None:
        super().__init__()
        self._source = source
        self._opener, self._prefix = open_header(source, key)
        self._start = source.tell()
        sealed = source.seek(0, io.SEEK_END) - self._start
        self._count = max(1, -(-sealed // _SEALED))
        self.size: Final = sealed - self._count * TAG_SIZE
        """Bytes of plaintext."""
        self._at = 0
        self._number, self._plain = -1, b""
        self._load(self._count - 1)

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the plaintext."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as one chunk reaches; 0 at the end.

        Raises:
            SealBroken: This part was altered.
        """
        if self._at >= self.size:
            return 0
        number, within = divmod(self._at, CHUNK)
        self._load(number)
        with memoryview(buffer).cast("B") as room:
            part = self._plain[within : within + len(room)]
            room[: len(part)] = part
        self._at += len(part)
        return len(part)

    @override
    def close(self) -> None:
        """Close it and the sealed file."""
        self._plain = b""
        self._source.close()
        super().close()

    def _load(self, number: int) -> None:
        if number == self._number:
            return
        self._source.seek(self._start + number * _SEALED)
        chunk = read_full(self._source, _SEALED)
        nonce = nonce_of(self._prefix, number, last=number == self._count - 1)
        if len(chunk) < TAG_SIZE:
            raise SealBroken
        try:
            self._plain = self._opener.decrypt(nonce, chunk, None)
        except InvalidTag:
            raise SealBroken from None
        self._number = number
