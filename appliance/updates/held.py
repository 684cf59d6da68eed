"""Chunks that this machine has already: pieces of the files that earlier packages brought."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from appliance.updates.manifest import Package

Place = Path | Callable[[str], Path]
"""The folder in which a package's files stand under their names, or what tells where one stands."""


@dataclass(frozen=True, slots=True)
class _Extent:
    path: Path
    offset: int
    size: int


class Holdings:
    """Finds chunks in installed files; what it gives was hashed just then."""

    def __init__(self, extents: dict[str, _Extent]) -> None:
        self._extents = extents

    @classmethod
    def none(cls) -> Self:
        """A machine that has nothing."""
        return cls({})

    @classmethod
    def of(cls, installed: Iterable[tuple[Package, Place]]) -> Self:
        """Know the chunks of installed packages; no file is opened."""
        found: dict[str, _Extent] = {}
        for package, place in installed:
            for file in package.files:
                path = place / file.name if isinstance(place, Path) else place(file.name)
                offset = 0
                for chunk in file.chunks:
                    found.setdefault(chunk.sha256, _Extent(path, offset, chunk.size))
                    offset += chunk.size
        return cls(found)

    def __contains__(self, digest: object) -> bool:
        return digest in self._extents

    def read(self, digest: str) -> bytes | None:
        """A chunk, or None when it is not here or its file was changed since."""
        extent = self._extents.get(digest)
        if extent is None:
            return None
        try:
            found = _read(extent)
        except OSError:
            return None
        return found if sha256(found).hexdigest() == digest else None


def _read(extent: _Extent) -> bytes:
    descriptor = os.open(extent.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = []
        offset, left = extent.offset, extent.size
        while left and (part := os.pread(descriptor, left, offset)):
            parts.append(part)
            offset, left = offset + len(part), left - len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
