"""A file on its way in: judged by its beginning, counted, hashed, and sealed as it is written."""

import hashlib
import os
from pathlib import Path

from appliance.batches.content import HEAD_BYTES
from appliance.batches.errors import FileTooLarge
from secure_compute.stream import SealedWriter, StreamKey


class Incoming:
    """`write` its pieces, then hand it to `FileService.admit`, or `discard` it.

    Args:
        path: where its sealed bytes lie meanwhile; it must not exist.
        file_id: what it will be called.
        key: its own, which ends with this.
        limit: most bytes.
    """

    def __init__(self, path: Path, file_id: str, key: StreamKey, limit: int) -> None:
        self.path = path
        self.id = file_id
        self.key = key
        self.bytes = 0
        self.head = b""
        self._limit = limit
        self._hash = hashlib.sha256()
        self._stream = path.open("xb")
        self._writer = SealedWriter(self._stream, key)

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises FileTooLarge."""
        self.bytes += len(piece)
        if self.bytes > self._limit:
            raise FileTooLarge(limit=self._limit)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._hash.update(piece)
        self._writer.write(piece)

    def finish(self) -> str:
        """Make it durable and return its SHA-256 in hexadecimal."""
        self._writer.finish()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Forget it; nothing happens to one that was admitted."""
        self._stream.close()
        self.path.unlink(missing_ok=True)
        self.key.key.wipe()
