"""Puts a package together out of a bundle: into a folder of its own that appears whole or not at all."""

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from appliance.updates.chunks import ChunkReader, Content, Opener, check_whole, nobody
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.landing import settle, sync
from appliance.updates.manifest import Package, PackageFile
from appliance.updates.passing import push, write_all

UNFINISHED: Final = ".tmp"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o755
_AHEAD: Final = 2
"""Chunks that are read while another is written; each is in memory."""


def assemble(
    stick: Stick,
    package: Package,
    into: Path,
    held: Holdings,
    progress: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
    opener: Opener = nobody,
) -> None:
    """Write the files of a package into a new folder, on the disk when this returns.

    They are written beside it first, `.tmp` at the end of its name; what an earlier try left there
    goes. Memory: a few chunks.

    Args:
        stick: The bundle, or its staged copy.
        package: Its verified manifest.
        into: The folder to be; it must not exist, its parent must.
        held: What this machine has already.
        progress: Told the package, the bytes done and the bytes of all; may raise to stop.
        opener: Opens what is licensed to this box.

    Raises:
        BaseMissing: A chunk that should be here is not.
        LicenceMissing: It is sealed for another box.
        ContentRefused: Something is missing or is not the signed one.
        StickUnreadable: The stick fails.
        FileExistsError: There is such a folder.
        OSError: The disk does not take it.
    """
    if into.exists() or into.is_symlink():
        raise FileExistsError(str(into))
    work = into.with_name(into.name + UNFINISHED)
    if work.is_symlink() or work.is_file():
        work.unlink()
    else:
        shutil.rmtree(work, ignore_errors=True)
    _make(work)
    folders = {work}
    done = 0
    with _Writer(ChunkReader(stick, held, opener), package) as writer:
        for file in package.files:
            path = work / file.name
            for folder in reversed(path.relative_to(work).parents[:-1]):
                if work / folder not in folders:
                    _make(work / folder)
                    folders.add(work / folder)
            for size in writer.write(file, path):
                done += size
                progress(package.target, done, package.size)
    settle(work / file.name for file in package.files)
    settle(folders)
    work.rename(into)
    sync(into.parent)


def _make(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(_FOLDER_MODE)  # whatever the umask is


class _Writer:
    """Writes files of chunks: some are read ahead, while one is written and the whole is hashed."""

    def __init__(self, reader: ChunkReader, package: Package) -> None:
        self._reader = reader
        self._package = package
        self._readers = ThreadPoolExecutor(_AHEAD, "updates-reading")
        self._hasher = ThreadPoolExecutor(1, "updates-hashing")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._readers.shutdown(cancel_futures=True)
        self._hasher.shutdown(cancel_futures=True)

    def write(self, file: PackageFile, path: Path) -> Iterator[int]:
        """Write one file; gives the bytes of each chunk once it is written."""
        whole = sha256()
        descriptor = os.open(path, _NEW, 0o600)
        try:
            hashed: Future[None] | None = None
            for piece in self._ahead(file):
                if hashed is not None:
                    hashed.result()
                hashed = self._hasher.submit(whole.update, piece)
                write_all(descriptor, piece)
                push(descriptor)
                yield len(piece)
            if hashed is not None:
                hashed.result()
            os.fchmod(descriptor, file.mode)
        finally:
            os.close(descriptor)
        check_whole(self._package, file, whole.hexdigest())

    def _ahead(self, file: PackageFile) -> Iterator[Content]:
        coming: deque[Future[Content]] = deque()
        for chunk in file.chunks:
            coming.append(self._readers.submit(self._reader.chunk, self._package, chunk))
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
