"""Handing the root key over: memory that outlives a killed daemon and not a reboot."""

import fcntl
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from secure_compute.keyring import ROOT_SIZE
from secure_compute.secret import Secret

VARIABLE: Final = "WARDBOX_KEY_FD"
_EMPTY: Final = bytes(ROOT_SIZE)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class KeyHandover:
    """An anonymous file in memory that the supervisor owns and `wardbox serve` inherits.

    It never touches a disk. The supervisor calls `create`, passes the number on as `WARDBOX_KEY_FD`
    and leaves the descriptor open over restarts of its child.

    Args:
        descriptor: the open memory file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def create(cls) -> Self:
        """A new, empty handover, inheritable by children; for the supervisor."""
        # Sealing against size changes keeps every reader's offsets true.
        handle = os.memfd_create("wardbox-key", os.MFD_ALLOW_SEALING)
        os.ftruncate(handle, ROOT_SIZE)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, seals)
        os.set_inheritable(handle, True)
        return cls(handle)

    @classmethod
    def inherited(cls, environ: Mapping[str, str]) -> Self | None:
        """The handover that the supervisor passed on, or None.

        A number that is no such memory file is ignored: the box then simply stays locked.
        """
        text = environ.get(VARIABLE, "")
        if not _NUMBER.fullmatch(text):
            return None
        handle = int(text)
        try:
            target = Path(f"/proc/self/fd/{handle}").readlink()
            is_memory = str(target).startswith("/memfd:wardbox-key")
            right_size = os.fstat(handle).st_size == ROOT_SIZE
        except OSError:
            return None
        if not (is_memory and right_size):
            return None
        # Engines and workers, started by this process, must not see it.
        os.set_inheritable(handle, False)
        return cls(handle)

    def read(self) -> Secret | None:
        """The root key, or None when the box was locked."""
        content = os.pread(self.descriptor, ROOT_SIZE, 0)
        return Secret(content) if len(content) == ROOT_SIZE and content != _EMPTY else None

    def write(self, root: Secret) -> None:
        """Leave the root key for the next process."""
        os.pwrite(self.descriptor, root.reveal(), 0)

    def wipe(self) -> None:
        """Overwrite it with zeros."""
        os.pwrite(self.descriptor, _EMPTY, 0)

    def close(self) -> None:
        """Wipe it and close the descriptor; for the supervisor's end."""
        self.wipe()
        os.close(self.descriptor)
