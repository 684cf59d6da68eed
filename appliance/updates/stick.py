"""Reading a stick: regular files only, inside its folder, through python-tuf's fetcher interface."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface
from typing_extensions import override

METADATA_URL: Final = "stick:/metadata/"
_SCHEME: Final = "stick:/"
_CHUNK: Final = 1 << 20
_MAX_PARTS: Final = 4


class Stick(FetcherInterface):
    """Fetches from a folder. A missing file is a 404, which ends the chain of roots.

    The medium is hostile: links are not followed, pipes and devices are not opened for waiting, and
    no name leads out of the folder.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.fetched: dict[str, bytes] = {}

    def open(self, name: str) -> BinaryIO:
        """Open a file of the stick by its relative name.

        Raises:
            DownloadHTTPError: There is no such file (status 404).
            DownloadError: It is no regular file, or cannot be read.
        """
        parts = name.split("/")
        if len(parts) > _MAX_PARTS or any(
            part in {"", ".", ".."} or "\0" in part for part in parts
        ):
            raise DownloadError("name")
        here = -1
        try:
            here = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            for part in parts[:-1]:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                inner = os.open(part, flags, dir_fd=here)
                os.close(here)
                here = inner
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            found = os.open(parts[-1], flags, dir_fd=here)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                raise DownloadHTTPError("missing", 404) from error
            raise DownloadError("unreadable") from error
        finally:
            if here >= 0:
                os.close(here)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise DownloadError("no regular file")
        return os.fdopen(found, "rb")

    @override
    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(_SCHEME))
        self.fetched[name] = b""
        with self.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                self.fetched[name] += chunk
                yield chunk
