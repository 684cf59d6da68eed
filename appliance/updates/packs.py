"""Where evaluation sets, firmware baselines and data packs stand: version beside version, one in use."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

from appliance.updates.durable import make_folder, replace_file
from appliance.updates.errors import NothingBefore

_CURRENT: Final = "current"
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
_LONGEST: Final = 100


class PackShelf:
    """Packages by kind and id; which version is in use is decided by one rename.

    `<root>/<kind>/<id>/<version>/` holds the files of a package as they were signed, and
    `<root>/<kind>/<id>/current` names the version in use.

    Args:
        root: The folder of all.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def current(self, kind: str) -> dict[str, Path]:
        """The folders of the versions in use, by id."""
        folder = self._root / kind
        if not folder.is_dir():
            return {}
        found = {one.name: self.in_use(kind, one.name) for one in sorted(folder.iterdir())}
        return {name: folder / name / version for name, version in found.items() if version}

    def in_use(self, kind: str, package_id: str) -> str | None:
        """The version in use, or None."""
        folder = self._root / kind / package_id
        try:
            with (folder / _CURRENT).open("rb") as stream:
                version = stream.read(_LONGEST).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        known = _VERSION.fullmatch(version) and (folder / version).is_dir()
        return version if known else None

    def version(self, kind: str, package_id: str, version: str) -> Path | None:
        """Where a version stands, or None."""
        folder = self._root / kind / package_id / version
        return folder if folder.is_dir() else None

    def place(self, kind: str, package_id: str, version: str, source: Path) -> None:
        """Move a finished folder to its place; it is not in use yet.

        Args:
            kind: Of the package.
            package_id: Its id.
            version: Its version; what stands there under the same version is replaced.
            source: A folder on the same file system, synced; it is given up.
        """
        folder = self._root / kind / package_id
        make_folder(folder)
        self.withdraw(kind, package_id, version)
        source.rename(folder / version)
        _sync(folder)

    def switch(self, kind: str, package_id: str, version: str) -> None:
        """Use a version from now on; durable. Raises NothingBefore when it is not here."""
        folder = self._root / kind / package_id
        if not (folder / version).is_dir():
            raise NothingBefore(name=f"{kind}/{package_id}")
        replace_file(folder / _CURRENT, f"{version}\n".encode("ascii"))

    def withdraw(self, kind: str, package_id: str, version: str) -> None:
        """Remove a version; with the one in use, the package is no longer there."""
        folder = self._root / kind / package_id
        if self.in_use(kind, package_id) == version:
            (folder / _CURRENT).unlink()
            _sync(folder)
        shutil.rmtree(folder / version, ignore_errors=True)

    def prune(self, kind: str, package_id: str, keep: frozenset[str]) -> None:
        """Remove versions but those named and the one in use."""
        folder = self._root / kind / package_id
        kept = {*keep, self.in_use(kind, package_id), _CURRENT}
        for one in sorted(folder.iterdir()):
            if one.name not in kept:
                shutil.rmtree(one, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
