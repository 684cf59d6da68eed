"""The file that a certificate of destruction goes into: taken before anything is destroyed."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from tui.stick import FileUnusable


class CertificateFile:
    """A new file, held open; it goes again when nothing was written into it.

    Args:
        path: where; `~` is this person's own folder.
    """

    def __init__(self, path: str) -> None:
        self._said = path
        self._path: Path | None = None
        self._handle = -1
        self._filled = False

    async def __aenter__(self) -> Self:
        """Take the place.

        Raises:
            FileUnusable: there is a file already, or the folder cannot be written.
        """
        await asyncio.to_thread(self._take)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await asyncio.to_thread(self._leave)

    async def fill(self, content: str) -> None:
        """Write the certificate, durably.

        Raises:
            FileUnusable: the disk refused; the certificate must be shown instead.
        """
        self._filled = True
        await asyncio.to_thread(self._write, content.encode())

    def _take(self) -> None:
        if not self._said or "\0" in self._said:
            raise FileUnusable("没有给出文件名 no file was named")
        try:
            path = Path(self._said).expanduser()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._handle, self._path = os.open(path, flags, 0o644), path
        except OSError as error:
            raise FileUnusable(f"{self._said}: {error.strerror}") from error
        except RuntimeError as error:
            raise FileUnusable(f"{self._said}: 没有这个用户 there is no such person") from error

    def _write(self, content: bytes) -> None:
        try:
            while content:
                content = content[os.write(self._handle, content) :]
            os.fsync(self._handle)
        except OSError as error:
            raise FileUnusable(f"{self._said}: {error.strerror}") from error

    def _leave(self) -> None:
        os.close(self._handle)
        if not self._filled and self._path is not None:
            self._path.unlink(missing_ok=True)
