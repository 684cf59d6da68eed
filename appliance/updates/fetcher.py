"""Reads a bundle from a stick: plain files only, inside the bundle only, never more than asked."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Self
from urllib.parse import unquote

from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient.fetcher import FetcherInterface
from typing_extensions import override

from appliance.updates.errors import BundleMissing, ContentRefused, StickUnreadable
from appliance.updates.shape import judge_metadata

METADATA: Final = "metadata"
TARGETS: Final = "targets"
SCHEME: Final = "stick:/"
_CHUNK: Final = 1 << 20
_NOT_FOUND: Final = 404
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a FIFO would wait for ever.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_LINKS: Final = {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}


class Stick:
    """One bundle directory, held open, so that what is mounted over it later is not read.

    Every path is walked one name at a time from the open directory, and no name may be a link:
    what a signature names is read from this stick or not at all.
    """

    def __init__(self, directory: Path) -> None:
        """Open a bundle.

        Raises:
            BundleMissing: The directory cannot be opened.
        """
        self.name: Final = ascii(str(directory))
        try:
            self._root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise BundleMissing(
                directory=self.name, reason_zh="无法打开该目录", reason_en="it cannot be opened"
            ) from error

    def close(self) -> None:
        """Let go of the directory, so that the stick can be unmounted."""
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def open(self, name: str) -> Iterator[int]:
        """Open a plain file by its path inside the bundle.

        Raises:
            FileNotFoundError: There is none.
            ContentRefused: It is a link, a special file, or a path that leads elsewhere.
            StickUnreadable: The stick does not answer.
        """
        descriptor = self._walk(PurePosixPath(name))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ContentRefused(
                    name=shown(name), reason_zh="不是普通文件", reason_en="it is no plain file"
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def _walk(self, path: PurePosixPath) -> int:
        parts = path.parts
        if not parts or path.is_absolute() or ".." in parts or "\0" in str(path):
            raise _outside(str(path))
        here = os.dup(self._root)
        try:
            for part in parts[:-1]:
                below = os.open(part, _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            return os.open(parts[-1], _FILE, dir_fd=here)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refusal(str(path), error) from error
        finally:
            os.close(here)

    def chunks(self, descriptor: int, name: str) -> Iterator[bytes]:
        """Read an open file to its end.

        Raises:
            StickUnreadable: The stick was pulled out, or fails.
        """
        while True:
            try:
                part = os.read(descriptor, _CHUNK)
            except OSError as error:
                raise unreadable(name, error) from error
            if not part:
                return
            yield part

    def small(self, name: str, limit: int) -> bytes | None:
        """Read a small file, one byte beyond the limit at most; None when there is none."""
        try:
            with self.open(name) as descriptor:
                raw = b""
                for part in self.chunks(descriptor, name):
                    raw += part
                    if len(raw) > limit:
                        break
                return raw[: limit + 1]
        except FileNotFoundError:
            return None


def shown(name: str) -> str:
    """A name from a stick, made fit for a sentence."""
    return ascii(name)[1:-1][:160]


def unreadable(name: str, error: OSError) -> StickUnreadable:
    """The refusal of a stick that fails while it is read."""
    return StickUnreadable(name=shown(name), reason=error.strerror or type(error).__name__)


def _outside(name: str) -> ContentRefused:
    return ContentRefused(
        name=shown(name), reason_zh="路径越出更新包", reason_en="its path leaves the bundle"
    )


def _refusal(name: str, error: OSError) -> ContentRefused | StickUnreadable:
    # ELOOP: a link; ENOTDIR: a link or a file where a folder should be; ENXIO: a socket.
    if error.errno in _LINKS:
        return ContentRefused(
            name=shown(name),
            reason_zh="途中有链接或特殊文件",
            reason_en="a link or a special file stands in its way",
        )
    return unreadable(name, error)


class StickFetcher(FetcherInterface):
    """Lets python-tuf read metadata from a stick, judging the form of each file first."""

    def __init__(self, stick: Stick) -> None:
        self._stick = stick
        self.read: Final[dict[str, bytes]] = {}
        """Every metadata file read, by its name on the stick."""

    @override
    def _fetch(self, url: str) -> Iterator[bytes]:
        name = f"{METADATA}/{unquote(url.removeprefix(SCHEME))}"
        try:
            with self._stick.open(name) as descriptor:
                yield from self._stick.chunks(descriptor, name)
        except FileNotFoundError:
            raise DownloadHTTPError(f"{shown(name)} is not there", _NOT_FOUND) from None

    @override
    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Read one metadata file, at most `max_length` bytes of it.

        Raises:
            DownloadHTTPError: 404, which ends the chain of roots.
            DownloadLengthMismatchError: It is longer than it may be.
            MetadataRefused: Its form is not the strict one.
            StickUnreadable, ContentRefused: It cannot be read, or is no plain file.
        """
        raw = bytearray()
        for part in self._fetch(url):
            raw += part
            if len(raw) > max_length:
                raise DownloadLengthMismatchError(f"more than {max_length} bytes")
        name = unquote(url.removeprefix(SCHEME))
        judge_metadata(role_of(name), bytes(raw))
        self.read[name] = bytes(raw)
        return bytes(raw)


def role_of(name: str) -> str:
    """The role of a metadata file: "3.snapshot.json" is the snapshot."""
    stem = name.removesuffix(".json")
    version, dot, role = stem.partition(".")
    return role if dot and version.isdigit() else stem
