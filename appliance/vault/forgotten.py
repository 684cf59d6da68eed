"""The list of destroyed subjects: beside the keys, outside the databases, and never made shorter.

A database that comes back from a backup brings keys along that were destroyed since. Whoever opens the
vault reads this list and destroys them again.
"""

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

_MOST: Final = 253_402_300_800
"""The year 10,000: no calendar goes beyond it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """One destroyed subject.

    Args:
        family: "dataset" or "patient".
        tag: keyed hash of its name, 32 bytes.
        when: Unix seconds.
    """

    family: str
    tag: bytes
    when: int


class _Line(msgspec.Struct, frozen=True):
    family: str
    subject: str
    destroyed: int


class ForgottenList:
    """One JSON object a line: `family`, `subject` (hexadecimal) and `destroyed` (Unix seconds).

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, gone: Gone) -> None:
        """Write one down, durably; one that stands there already may stand there twice.

        Raises:
            OSError: the disk refuses.
        """
        line = msgspec.json.encode(_Line(gone.family, gone.tag.hex(), gone.when))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            # A line that a power cut left half written must not swallow this one.
            whole = b"\n" + line + b"\n"
            if os.write(handle, whole) != len(whole):
                # A disk that is nearly full takes a part of it and says nothing.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(handle)
        finally:
            os.close(handle)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def all(self) -> tuple[Gone, ...]:
        """Everything on the list; half a line is none."""
        try:
            return listed(self._path.read_bytes())
        except FileNotFoundError:
            return ()

    def merge(self, others: bytes) -> int:
        """Take over what another such file lists, a backup's say; how many were new here."""
        known = {(one.family, one.tag) for one in self.all()}
        fresh = [one for one in listed(others) if (one.family, one.tag) not in known]
        for one in fresh:
            self.add(one)
        return len(fresh)


def listed(content: bytes) -> tuple[Gone, ...]:
    """What such a file lists; half a line is none."""
    found: dict[tuple[str, bytes], Gone] = {}
    for line in content.splitlines():
        with suppress(msgspec.MsgspecError, ValueError):
            read = msgspec.json.decode(line, type=_Line)
            gone = Gone(read.family, bytes.fromhex(read.subject), read.destroyed)
            if 0 <= gone.when < _MOST:
                found.setdefault((gone.family, gone.tag), gone)
    return tuple(found.values())
