"""Where a bundle is taken in: one pass from the stick, in the bundle's own shape."""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.updates.assembly import assemble
from appliance.updates.chunks import Opener, base_missing, blobs_of, missing, nobody
from appliance.updates.content import Progress, check_content, quiet, shares
from appliance.updates.errors import DiskFull, DiskRefused
from appliance.updates.fetcher import METADATA, Stick
from appliance.updates.held import Holdings
from appliance.updates.landing import Landing, settle, write_new
from appliance.updates.manifest import Blob, Package
from appliance.updates.signed import metadata_of

RESERVE: Final = 64 << 20
"""Bytes that must stay free beside a bundle, for the database and the log."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Bytes free on a folder's disk."""
    return shutil.disk_usage(folder).free


class Staging:
    """A bundle on our own disk.

    What lies there is again a bundle, metadata included, so that somebody who does not trust whoever
    took it in can judge all of it. A copy that was cut short goes on later: a blob that is there is
    hashed again, and comes again when it is not the signed one.

    Args:
        root: The folder of all bundles; only the one being taken in stays in it.
        bundle: The id of the bundle.
        held: What this machine has already.
        free: Tells how much room there is.
        opener: Opens what is licensed to this box.
    """

    def __init__(
        self,
        root: Path,
        bundle: str,
        held: Holdings,
        free: FreeBytes = free_bytes,
        opener: Opener = nobody,
    ) -> None:
        self._root = root
        self.folder: Final = root / bundle
        self._held = held
        self._free = free
        self._opener = opener

    def missing(self, packages: Sequence[Package]) -> tuple[str, ...]:
        """Digests of chunks that neither the stick nor this machine has."""
        return missing(packages, self._held)

    def bytes_to_copy(self, packages: Sequence[Package]) -> int:
        """Bytes that the stick holds of packages and that are not here yet."""
        return sum(blob.size for blob in blobs_of(packages) if not self._has(blob))

    def prepare(self, packages: Sequence[Package]) -> None:
        """Make room: forget other bundles, then see that this one fits, here and put together.

        Raises:
            BaseMissing: A package goes on from one that is not here.
            DiskFull: It does not fit.
            DiskRefused: The disk fails.
        """
        for package in packages:
            if missing([package], self._held):
                raise base_missing(package)
        with disk_errors(self._root, 0):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for other in self._root.iterdir():
                if other != self.folder:
                    _forget(other)
            whole = sum(package.size for package in packages)
            needed = self.bytes_to_copy(packages) + whole + RESERVE
            free = self._free(self._root)
            if free < needed:
                raise DiskFull(needed=needed, free=free)
            self.folder.mkdir(mode=0o700, exist_ok=True)

    def take(
        self,
        stick: Stick,
        packages: Sequence[Package],
        progress: Progress = quiet,
        beside: Sequence[Package] = (),
    ) -> None:
        """Copy a bundle: metadata, manifests, and every blob once; all on the disk at the end.

        Args:
            stick: The bundle.
            packages: What to take.
            progress: Told of every blob.
            beside: Packages of the bundle whose content stays on the stick. Their manifests come along,
                since the metadata names them.

        Raises:
            ContentRefused: Something is missing or is not the signed one; it was not written.
            StickUnreadable: The stick fails; what came over stays for the next try.
            DiskFull, DiskRefused: Our own disk does not take it.
        """
        total = sum(blob.size for blob in blobs_of(packages))
        with disk_errors(self._root, total):
            done = 0
            for package, blobs in shares(packages):
                teller = _Teller(package.target, done, total, progress)
                Landing(stick, self.folder, teller.add).take(blobs)
                done += sum(blob.size for blob in blobs)
            self._write({one.place: one.to_bytes() for one in (*packages, *beside)})
            # The timestamp comes last: until it is there, nothing is a bundle.
            *others, (last, timestamp) = metadata_of(stick)
            self._write({f"{METADATA}/{name}": raw for name, raw in others})
            settle([self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())])
            self._write({f"{METADATA}/{last}": timestamp})

    def check(self, packages: Sequence[Package]) -> None:
        """Hash the staged blobs again; whoever puts a package together does so anyhow.

        Raises:
            ContentRefused: One is not the signed one.
        """
        with Stick(self.folder) as stick:
            check_content(stick, packages)

    def assemble(self, package: Package, into: Path, progress: Progress = quiet) -> None:
        """Put a staged package together in a new folder; see `assembly.assemble`.

        Raises:
            BaseMissing, ContentRefused: A chunk is not here, or not the signed one.
            LicenceMissing: It is sealed for another box.
            DiskFull, DiskRefused: The disk does not take it, or there is such a folder.
        """
        with disk_errors(self._root, package.size), Stick(self.folder) as stick:
            assemble(stick, package, into, self._held, progress, self._opener)

    def forget(self) -> None:
        """Remove everything of this bundle."""
        _forget(self.folder)

    def _has(self, blob: Blob) -> bool:
        path = self.folder / blob.place
        return path.is_file() and path.stat().st_size == blob.size

    def _write(self, files: dict[str, bytes]) -> None:
        for place, raw in files.items():
            path = self.folder / place
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_new(path, raw)
        settle(self.folder / place for place in files)


class _Teller:
    """Adds up bytes and tells."""

    def __init__(self, name: str, done: int, total: int, progress: Progress) -> None:
        self._name = name
        self._done = done
        self._total = total
        self._progress = progress

    def add(self, blob: Blob) -> None:
        self._done += blob.size
        self._progress(self._name, self._done, self._total)


@contextmanager
def disk_errors(folder: Path, needed: int) -> Iterator[None]:
    """Turn the failures of our own disk into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(needed=needed, free=_free_or_none(folder)) from error
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error


def _free_or_none(folder: Path) -> int:
    return free_bytes(folder) if folder.exists() else 0


def _forget(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
