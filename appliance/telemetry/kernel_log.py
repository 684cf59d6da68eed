"""Errors of NVIDIA's driver (Xid) from the kernel's log, read without waiting and without a program."""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance.telemetry.facts import XidError

DEVICE: Final = Path("/dev/kmsg")
KEPT_S: Final = 3600.0
_RECORD: Final = 8192
_MOST_RECORDS: Final = 20_000
_KEPT: Final = 256
# NVIDIA's "XID Errors" gives the form: a PCI address in brackets, a colon, the number, then words.
_XID: Final = re.compile(r"NVRM: Xid \(PCI:([0-9A-Fa-f:.]{7,16})\): (\d{1,4})\b")


def xid_of(line: str) -> XidError | None:
    """The driver error that a line of the kernel's log tells, or None."""
    found = _XID.search(line)
    return XidError(found.group(1).lower(), int(found.group(2))) if found else None


class KernelLog:
    """Follows /dev/kmsg and remembers the driver errors of the last hour.

    The first reading begins at the end of the log: what is older was told by an earlier life of the
    box, or happened before it looked.
    """

    def __init__(self, clock: Callable[[], float], device: Path = DEVICE) -> None:
        self._clock = clock
        self._device = device
        self._file: int | None = None
        self._found: deque[tuple[float, XidError]] = deque(maxlen=_KEPT)

    def xids(self) -> tuple[XidError, ...] | None:
        """The errors of the last hour, oldest first; None where this process may not read the log."""
        now = self._clock()
        try:
            lines = list(self._lines())
        except OSError:
            return None
        for line in lines:
            found = xid_of(line)
            if found is not None:
                self._found.append((now, found))
        return tuple(one for at, one in self._found if now - at < KEPT_S)

    def close(self) -> None:
        """Close the log."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _lines(self) -> Iterator[str]:
        if self._file is None:
            self._file = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with suppress(OSError):
                os.lseek(self._file, 0, os.SEEK_END)
        for _ in range(_MOST_RECORDS):
            try:
                record = os.read(self._file, _RECORD)
            except BlockingIOError:
                return
            except BrokenPipeError:
                continue  # records were overwritten before they were read: go on with the next
            if not record:
                return
            yield from record.decode("utf-8", "replace").splitlines()
