"""Handing the root key over: memory that outlives a killed daemon and not a reboot."""

import fcntl
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from secure_compute.keyring import ROOT_SIZE, root_id
from secure_compute.secret import Secret

VARIABLE: Final = "WARDBOX_KEY_FD"
SIZE: Final = 2 * ROOT_SIZE
"""The root key in use, and during a rotation the one that follows it."""
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
        os.ftruncate(handle, SIZE)
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
            right_size = os.fstat(handle).st_size == SIZE
        except OSError:
            return None
        if not (is_memory and right_size):
            return None
        # Engines and workers, started by this process, must not see it.
        os.set_inheritable(handle, False)
        return cls(handle)

    def read(self) -> Secret | None:
        """The root key, or None when the box was locked."""
        return self._at(0)

    def find(self, root: str) -> Secret | None:
        """The root key of this id, also when a process was killed in the middle of a rotation."""
        for at in (0, ROOT_SIZE):
            found = self._at(at)
            if found is not None and root_id(found) == root:
                return found
        return None

    def write(self, root: Secret) -> None:
        """Leave the root key for the next process, and no other."""
        with Secret(bytes(SIZE)) as both:
            both.view()[:ROOT_SIZE] = root.view()
            os.pwritev(self.descriptor, [both.view()], 0)

    def stage(self, root: Secret) -> None:
        """Leave the root key that follows beside the present one, until `write`."""
        os.pwritev(self.descriptor, [root.view()], ROOT_SIZE)

    def wipe(self) -> None:
        """Overwrite it with zeros."""
        os.pwrite(self.descriptor, bytes(SIZE), 0)

    def _at(self, offset: int) -> Secret | None:
        found = Secret(_EMPTY)
        count = os.preadv(self.descriptor, [found.view()], offset)
        return found if count == ROOT_SIZE and found != Secret(_EMPTY) else None

    def close(self) -> None:
        """Wipe it and close the descriptor; for the supervisor's end."""
        self.wipe()
        os.close(self.descriptor)
