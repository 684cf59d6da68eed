"""The folder of an export in the making: every file hashed, sealed at the end, never half there."""

import ctypes
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from appliance.audit.errors import AuditExportRefused

SUMS: Final = "SHA256SUMS"
SEAL: Final = "seal.note"
_BUFFER: Final = 1 << 20


class PartWriter:
    """Writes one file of the export and hashes what it writes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._hash = sha256()

    def write(self, data: bytes) -> None:
        """Write some bytes."""
        self._stream.write(data)
        self._hash.update(data)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, hexadecimal."""
        return self._hash.hexdigest()


class ExportFolder:
    """A folder that comes into being whole or not at all.

    Files go into a hidden neighbour of the folder; `finish` lists and seals them, waits for the disk and
    gives the neighbour its name. Leaving without `finish` removes it; what a power cut leaves has another
    name, no list and no seal.

    Args:
        out: where it will lie: absent, or an empty directory.

    Raises:
        AuditExportRefused: something is there already.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        if out.is_symlink() or (out.exists() and not (out.is_dir() and _empty(out))):
            raise AuditExportRefused(reason=f"{out} 不是空目录 is not an empty directory")
        unique = f"{os.getpid()}-{threading.get_ident()}"
        self._part = out.with_name(f".{out.name}.{unique}.part")
        self._digests: dict[str, str] = {}
        self._folders: set[Path] = set()

    def __enter__(self) -> Self:
        self._out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part.mkdir(mode=0o700)
        self._folders.add(self._part)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._part, ignore_errors=True)

    @contextmanager
    def part(self, name: str) -> Iterator[PartWriter]:
        """Write one file; it is listed once it is closed."""
        path = self._part / name
        if path.parent not in self._folders:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folders.add(path.parent)
        # O_EXCL: an export never writes through a link that someone laid into its directory.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb", _BUFFER) as stream:
            writer = PartWriter(stream)
            yield writer
            stream.flush()
        self._digests[name] = writer.digest

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        with self.part(name) as writer:
            writer.write(content)

    def finish(self, seal: Callable[[str], bytes]) -> None:
        """List all files, seal the list, and give the folder its name.

        Args:
            seal: given the SHA-256 of the list, hexadecimal: the signed note over it.
        """
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._digests.items()))
        self.put(SUMS, lines.encode())
        self.put(SEAL, seal(self._digests[SUMS]))
        _settle(self._part)
        if self._out.exists():
            self._out.rmdir()
        self._part.rename(self._out)
        _settle(self._out.parent)


def _settle(folder: Path) -> None:
    """Wait until the file system that holds a folder has everything on its disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One wait for thousands of tiles: fsync of each would take minutes on a stick.
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def _empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None
