"""A disk that loses its power: every change below one folder is a step, and what was not synced is gone."""

import builtins
import errno
import io
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOW = ("lost", "kept", "names")
"""What a disk may make of unsynced changes: nothing is kept; all is; names are and contents are not."""
_CHANGES = ("write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "symlink", "link")
_MAKES = os.O_CREAT | os.O_TRUNC


class PowerCut(BaseException):
    """The machine is off; nothing that runs afterwards changes the disk."""


class Disk:
    """One folder as a disk.

    What a file held at its last fsync, and what names a folder held at its last fsync, is what a
    power cut leaves (POSIX.1-2017, fsync): a name that was never synced leads nowhere, a file that was
    never synced is empty. Descriptors of everything seen stay open, so that no inode comes again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps = 0
        self._strike: Callable[[], None] | None = None
        self._at = 0
        self._off = False
        self._names: dict[int, dict[str, tuple[str, int | str]]] = {}
        self._contents: dict[int, bytes] = {}
        self._modes: dict[int, int] = {}
        self._open: dict[int, int] = {}
        self._real = {name: getattr(os, name) for name in (*_CHANGES, "open")}
        for here, _, files in os.walk(root):
            self._synced(Path(here))
            for name in files:
                if not Path(here, name).is_symlink():
                    self._synced(Path(here, name))

    @contextmanager
    def running(self, at: int = 0, strike: Callable[[], None] | None = None) -> Iterator[None]:
        """Count the steps; strike before one of them. Without a strike the power goes there."""
        self.steps, self._at, self._off = 0, at, False
        self._strike = strike
        real_open = io.open
        for name in _CHANGES:
            setattr(os, name, self._wrapped(name))
        os.open = self._opened  # type: ignore[assignment]  # the same call, counted
        io.open = builtins.open = self._file_opened(real_open)  # type: ignore[assignment]
        try:
            yield
        finally:
            io.open = builtins.open = real_open
            for name, call in self._real.items():
                setattr(os, name, call)

    def cut(self, how: str) -> None:
        """Make of the folder what is found when the power comes back."""
        tree: dict[str, tuple[str, bytes | str, int]] = {}
        self._found(self.root.stat().st_ino, self.root, "", how, tree)
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()
        for path in self.root.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name, (kind, content, mode) in tree.items():
            path = self.root / name
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(str(content))
            else:
                path.write_bytes(content if isinstance(content, bytes) else b"")
            if kind != "link":
                path.chmod(mode)

    def close(self) -> None:
        """Let go of every descriptor."""
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()

    def _found(
        self,
        number: int,
        live: Path | None,
        below: str,
        how: str,
        tree: dict[str, tuple[str, bytes | str, int]],
    ) -> None:
        names = self._names.get(number, {})
        if how != "lost" and live is not None:
            names = _listed(live)
        for name, (kind, inside) in sorted(names.items()):
            path = f"{below}{name}"
            here = None if live is None else live / name
            if kind == "link":
                tree[path] = ("link", str(inside), 0)
            elif kind == "folder":
                tree[path] = ("folder", b"", 0o755)
                self._found(int(inside), here, f"{path}/", how, tree)
            else:
                content = self._contents.get(int(inside), b"")
                if how == "kept" and here is not None:
                    content = here.read_bytes()
                mode = self._modes.get(int(inside), 0o644)
                tree[path] = ("file", content, mode)

    def _synced(self, path: Path) -> None:
        handle = self._real["open"](path, os.O_RDONLY)
        try:
            self._keep(handle)
        finally:
            os.close(handle)

    def _keep(self, handle: int) -> None:
        info = os.fstat(handle)
        number = info.st_ino
        if number not in self._open:
            self._open[number] = os.dup(handle)
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if stat.S_ISDIR(info.st_mode):
            self._names[number] = _listed(path)
            for name, (kind, inside) in self._names[number].items():
                if kind != "link" and int(inside) not in self._open:
                    self._open[int(inside)] = self._real["open"](path / name, os.O_RDONLY)
        else:
            whole = self._real["open"](f"/proc/self/fd/{handle}", os.O_RDONLY)
            with os.fdopen(whole, "rb", closefd=True) as stream:
                self._contents[number] = stream.raw.readall()  # type: ignore[attr-defined]
            self._modes[number] = stat.S_IMODE(info.st_mode)

    def _step(self) -> None:
        if self._off:
            raise PowerCut
        self.steps += 1
        if self.steps == self._at:
            if self._strike is None:
                self._off = True
                raise PowerCut
            self._strike()

    def _is_ours(self, where: Any, folder: int | None) -> bool:
        if isinstance(where, int):
            place = str(Path(f"/proc/self/fd/{where}").readlink())
        elif folder is not None:
            place = str(Path(f"/proc/self/fd/{folder}").readlink())
        else:
            place = str(Path(os.fspath(where)).absolute())
        return place == str(self.root) or place.startswith(f"{self.root}/")

    def _wrapped(self, name: str) -> Callable[..., Any]:
        real = self._real[name]
        target = 1 if name in {"symlink", "link", "replace", "rename"} else 0

        def call(*args: Any, **named: Any) -> Any:
            folder = named.get("dst_dir_fd", named.get("dir_fd"))
            if not self._is_ours(args[target], folder):
                return real(*args, **named)
            self._step()
            if name == "fsync":
                # The disk is ours to say what is on it; the one below need not be waited for.
                return self._keep(args[0])
            return real(*args, **named)

        return call

    def _opened(self, path: Any, flags: int, *args: Any, **named: Any) -> int:
        if flags & _MAKES and self._is_ours(path, named.get("dir_fd")):
            self._step()
        handle: int = self._real["open"](path, flags, *args, **named)
        if flags & _MAKES:
            number = os.fstat(handle).st_ino
            if number not in self._open and self._is_ours(handle, None):
                self._open[number] = os.dup(handle)
        return handle

    def _file_opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **named: Any) -> Any:
            writes = any(sign in mode for sign in "wax+")
            if not writes or named.get("opener") is not None:
                return real(file, mode, buffering, *args, **named)
            handle = file if isinstance(file, int) else self._opened(file, _flags(mode), 0o666)
            if not self._is_ours(handle, None):
                return real(handle, mode, buffering, *args, **named)
            raw = _Counted(handle, mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, *args, **named)

        return call


class _Counted(io.FileIO):
    """A file whose writes are the system's, so that each is a step."""

    def write(self, content: Any) -> int:
        return os.write(self.fileno(), content)


def _flags(mode: str) -> int:
    kinds = {
        "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
        "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
        "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    }
    return kinds[mode[0]] | os.O_CLOEXEC


def _listed(folder: Path) -> dict[str, tuple[str, int | str]]:
    found: dict[str, tuple[str, int | str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                found[entry.name] = ("link", str(Path(entry.path).readlink()))
            else:
                kind = "folder" if entry.is_dir(follow_symlinks=False) else "file"
                found[entry.name] = (kind, entry.inode())
    return found


def full_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def failing_disk() -> None:
    raise OSError(errno.EIO, "Input/output error")
