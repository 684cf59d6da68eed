"""A finished export as one ZIP file, made while it is fetched: nothing lies twice on the disk."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from typing_extensions import override

_BLOCK: Final = 1 << 18
_STAMP: Final = (1980, 1, 1, 0, 0, 0)


class _Passing(io.RawIOBase):
    """Takes what the archive writes, and gives it away again; it cannot be sought in."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: object) -> int:
        block = bytes(memoryview(data))  # type: ignore[arg-type]
        self._waiting.append(block)
        return len(block)

    def taken(self) -> bytes:
        """What was written since the last time."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)


def zipped(folder: Path) -> Iterator[bytes]:
    """The files of a folder as a ZIP archive, block by block.

    Args:
        folder: a finished export; its name is the folder inside the archive.
    """
    passing = _Passing()
    with zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            # One date for all: the files are what was sealed, whenever they are fetched.
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder)}", _STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    yield passing.taken()
    yield passing.taken()
