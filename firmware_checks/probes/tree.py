"""Reads files below one root, bounded and never blocking; each obstacle becomes a value."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from firmware_checks.facts import Reading, Reason, Unread

T = TypeVar("T")
DEFAULT_LIMIT: Final = 1024 * 1024
MAX_ENTRIES: Final = 10_000
_CHUNK: Final = 64 * 1024


class Tree:
    """A machine's file system: the live one ("/") or a captured copy of it.

    A captured copy can come from anywhere, so links that lead out of it are not followed and
    pipes or devices in it are not opened.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self.live = self._root == "/"

    def data(self, path: str, limit: int = DEFAULT_LIMIT) -> Reading[bytes]:
        """The bytes of a regular file, at most `limit` of them."""
        real = self._inside(path)
        if isinstance(real, Unread):
            return real
        try:
            # O_NONBLOCK keeps a pipe from holding the probe until somebody writes into it.
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return _obstacle(path, error)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return Unread(Reason.MALFORMED, path, "not a regular file")
            found = _read_all(handle, limit + 1)
        except OSError as error:
            return _obstacle(path, error)
        finally:
            os.close(handle)
        if len(found) > limit:
            return Unread(Reason.TOO_LARGE, path, f"more than {limit} bytes")
        return found

    def text(self, path: str, limit: int = DEFAULT_LIMIT) -> Reading[str]:
        """The text of a file without its last newline; an empty file is malformed, not empty."""
        found = self.data(path, limit)
        if isinstance(found, Unread):
            return found
        text = found.decode("utf-8", errors="replace").rstrip("\n")
        if not text.strip():
            return Unread(Reason.MALFORMED, path, "the file is empty")
        return text

    def names(self, path: str) -> Reading[tuple[str, ...]]:
        """The sorted names in a directory, which may be none."""
        real = self._inside(path)
        if isinstance(real, Unread):
            return real
        try:
            with os.scandir(real) as entries:
                found = [entry.name for entry in islice(entries, MAX_ENTRIES + 1)]
        except OSError as error:
            return _obstacle(path, error)
        if len(found) > MAX_ENTRIES:
            return Unread(Reason.TOO_LARGE, path, f"more than {MAX_ENTRIES} entries")
        return tuple(sorted(found))

    def exists(self, path: str) -> bool:
        """Whether something stands at the path."""
        real = self._inside(path)
        return not isinstance(real, Unread) and os.path.lexists(real)

    def real(self, path: str) -> Reading[str]:
        """The path below the root that links lead to, starting with "/"."""
        real = self._inside(path)
        if isinstance(real, Unread):
            return real
        if not os.path.lexists(real):
            return Unread(Reason.ABSENT, path)
        return real if self.live else real[len(self._root) :] or "/"

    def _inside(self, path: str) -> Reading[str]:
        joined = self._root + "/" + path.lstrip("/")
        if "\0" in joined:
            return Unread(Reason.MALFORMED, path.replace("\0", "?"), "the path holds a NUL")
        real = os.path.realpath(joined)
        prefix = "/" if self.live else self._root + "/"
        if real != self._root and not real.startswith(prefix):
            return Unread(Reason.OUTSIDE, path, "a link leads out of the root")
        return real


def _read_all(handle: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size < limit:
        chunk = os.read(handle, min(_CHUNK, limit - size))
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _obstacle(path: str, error: OSError) -> Unread:
    reason = Reason.FAILED
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = Reason.ABSENT
    elif isinstance(error, PermissionError):
        reason = Reason.DENIED
    return Unread(reason, path, error.strerror or type(error).__name__)


def number(found: Reading[str], source: str, base: int = 10) -> Reading[int]:
    """The text as a whole number, or Unread when it is none."""
    if isinstance(found, Unread):
        return found
    with suppress(ValueError):
        return int(found.strip(), base)
    return Unread(Reason.MALFORMED, source, f"not a number: {found[:40]!r}")


def switch(found: Reading[str], source: str) -> Reading[bool]:
    """A kernel switch (Y, N, 1, 0) as a truth value, or Unread when it is neither."""
    if isinstance(found, Unread):
        return found
    value = {"Y": True, "1": True, "N": False, "0": False}.get(found.strip())
    if value is None:
        return Unread(Reason.MALFORMED, source, f"neither Y nor N: {found[:40]!r}")
    return value


def mapped(found: Reading[str], change: Callable[[str], Reading[T]]) -> Reading[T]:
    """`change` applied to what was read; an obstacle passes through."""
    return found if isinstance(found, Unread) else change(found)
