"""A file that grows line by line: each is sealed and durable before the next is begun."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from appliance.vault.keyfile import destroy, sync_directory
from secure_compute.envelope import Sealed, seal, unseal
from secure_compute.errors import SecureComputeError
from secure_compute.stream import StreamKey

_COUNT: Final = 4
_LONGEST: Final = 1 << 30
_LINE: Final = b"/line/"


class Journal:
    """Lines under the key of the file that they will be, each bound to its place.

    What follows the last whole line is the trace of a crash: it is cut off before anything is added.

    Args:
        path: the file; it need not exist.
        key: gives what seals it, which this wipes; called once there is something to seal or open.
    """

    def __init__(self, path: Path, key: Callable[[], StreamKey]) -> None:
        self.path: Final = path
        self._give = key
        self._key: StreamKey | None = None
        self._count: int | None = None
        self._adding = Lock()

    def append(self, line: bytes) -> None:
        """Add a line; it is durable when this returns. Threads take turns."""
        with self._adding:
            self._append(line)

    def lines(self) -> Iterator[bytes]:
        """Every whole line, in order."""
        yield from (line for line, _ in self._read())

    def take_over(self, old: Path) -> None:
        """Seal the lines of a plain file of an older release, and destroy it; a kill loses nothing."""
        if old.exists() and not self.path.exists():
            part = self.path.with_name(f"{self.path.name}.part")
            with old.open("rb") as plain, part.open("wb") as sealed:
                for number, line in enumerate(iter(plain.readline, b"")):
                    # The trace of a crash is no line.
                    if not (line.startswith(b"{") and line.endswith(b"}\n")):
                        break
                    sealed.write(self._sealed(line, number))
                sealed.flush()
                os.fsync(sealed.fileno())
            part.replace(self.path)
            sync_directory(self.path.parent)
        destroy(old)

    def drop(self) -> None:
        """Remove it: its lines lie in their file."""
        self.path.unlink(missing_ok=True)
        self._count = None

    def close(self) -> None:
        """Wipe the key; doing it twice is fine."""
        if self._key is not None:
            self._key.key.wipe()
            self._key = None

    def _append(self, line: bytes) -> None:
        if self._count is None:
            self._count = self._mend()
        made = not self._count
        with self.path.open("ab") as stream:
            stream.write(self._sealed(line, self._count))
            stream.flush()
            os.fsync(stream.fileno())
        if made:
            sync_directory(self.path.parent)
        self._count += 1

    def _mend(self) -> int:
        """Cut off what is no whole line; how many there are."""
        count, good = 0, 0
        for _, end in self._read():
            count, good = count + 1, end
        if self.path.exists():
            os.truncate(self.path, good)
        return count

    def _read(self) -> Iterator[tuple[bytes, int]]:
        """Whole lines, and where each ends in the file."""
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            number = 0
            while (line := self._next(stream, number)) is not None:
                number += 1
                yield line, stream.tell()

    def _next(self, stream: BinaryIO, number: int) -> bytes | None:
        size = int.from_bytes(stream.read(_COUNT), "big")
        sealed = stream.read(size) if 0 < size <= _LONGEST else b""
        if not sealed or len(sealed) != size:
            return None
        key = self._opened()
        try:
            return unseal(Sealed.parse(sealed), key.key, _bound(key, number))
        except SecureComputeError:
            return None

    def _sealed(self, line: bytes, number: int) -> bytes:
        key = self._opened()
        made = seal(line, key.key, key.key_id, _bound(key, number), key.algorithm).to_bytes()
        return len(made).to_bytes(_COUNT, "big") + made

    def _opened(self) -> StreamKey:
        if self._key is None:
            self._key = self._give()
        return self._key


def _bound(key: StreamKey, number: int) -> bytes:
    return key.aad + _LINE + str(number).encode()
