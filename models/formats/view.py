"""A read-only window on a file of any size: positioned reads, bounded memory, no mapping."""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.formats.refusals import FileUnreadable, GgufMalformed

_WINDOW = 1 << 20
# Headers of real models stay under 32 MB; the limit bounds what a hostile one makes us read.
MAX_HEADER_BYTES = 128 << 20
_LENGTH = struct.Struct("<Q")


class FileView:
    """One open file, read by position, so that a 100 GB model costs no more than its header."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def at(self, offset: int, count: int) -> bytes:
        """Reads up to `count` bytes at `offset`; fewer only at the end of the file."""
        parts: list[bytes] = []
        while count > 0:
            part = os.pread(self._descriptor, min(count, _WINDOW), offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            count -= len(part)
        return b"".join(parts)


@contextmanager
def open_view(path: Path) -> Iterator[FileView]:
    """Opens a plain file for reading.

    A named pipe or device would block or never end, so only regular files are read.

    Raises:
        FileUnreadable: The path is missing, not permitted or not a plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileUnreadable(path=ascii(str(path)), reason=reason) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise FileUnreadable(path=ascii(str(path)), reason="不是普通文件 not a plain file")
        try:
            yield FileView(descriptor, facts.st_size)
        except OSError as error:
            raise FileUnreadable(path=ascii(str(path)), reason=error.strerror or "I/O") from error
    finally:
        os.close(descriptor)


class Cursor:
    """A forward reader over a view with a window of 1 MiB, for binary headers.

    Every read names what it reads, so that a truncated file says where it ends.
    """

    def __init__(self, view: FileView) -> None:
        self._view = view
        self._start = 0
        self._window = b""
        self.position = 0

    @property
    def remaining(self) -> int:
        """Bytes between the position and the end of the file."""
        return self._view.size - self.position

    def take(self, count: int, where: str) -> bytes:
        """Reads exactly `count` bytes.

        Raises:
            GgufMalformed: The file ends before.
        """
        if count > self.remaining:
            raise GgufMalformed.by("truncated", where=where)
        begin = self.position - self._start
        if begin + count > len(self._window):
            self._within_header()
            self._start, begin = self.position, 0
            self._window = self._view.at(self.position, max(count, _WINDOW))
            if len(self._window) < count:
                raise GgufMalformed.by("truncated", where=where)
        self.position += count
        return self._window[begin : begin + count]

    def number(self, layout: struct.Struct, where: str) -> int | float:
        """Reads one number of a fixed layout."""
        value: int | float = layout.unpack(self.take(layout.size, where))[0]
        return value

    def skip(self, count: int, where: str) -> None:
        """Passes over bytes without reading them."""
        if count > self.remaining:
            raise GgufMalformed.by("truncated", where=where)
        self.position += count

    def pass_strings(self, count: int, where: str, limit: int) -> None:
        """Checks `count` length-prefixed strings (8-byte little-endian length, UTF-8) and passes.

        A vocabulary holds hundreds of thousands of strings, so the loop works on the window
        itself instead of calling `take` twice for each.

        Raises:
            GgufMalformed: The file ends before, a length is impossible or the text is not UTF-8.
        """
        window, place = b"", 0
        unpack = _LENGTH.unpack_from
        for _ in range(count):
            if place + 8 > len(window):
                window, place = self._refill(place, 8, where), 0
            end = place + 8 + unpack(window, place)[0]
            if end > len(window):
                if end - place - 8 > limit:
                    raise GgufMalformed.by("string-length", where=where, count=end - place - 8)
                window, place, end = self._refill(place, end - place, where), 0, end - place
            try:
                str(window[place + 8 : end], "utf-8")
            except UnicodeDecodeError as error:
                raise GgufMalformed.by("utf8", where=where) from error
            place = end
        self.position += place

    def _within_header(self) -> None:
        if self.position > MAX_HEADER_BYTES:
            raise GgufMalformed.by(
                "limit", what="header bytes", count=self.position, limit=MAX_HEADER_BYTES
            )

    def _refill(self, passed: int, need: int, where: str) -> bytes:
        self.position += passed
        self._within_header()
        if need > self.remaining:
            raise GgufMalformed.by("truncated", where=where)
        window = self._view.at(self.position, max(need, _WINDOW))
        if len(window) < need:
            raise GgufMalformed.by("truncated", where=where)
        return window
