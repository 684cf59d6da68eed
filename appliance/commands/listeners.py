"""The sockets of `wardbox serve`: made once, handed to the process that follows a lock."""

import errno
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from appliance.commands.errors import AlreadyRunning, PortTaken, SocketRefused

BACKLOG: Final = 2048
VARIABLE: Final = "WARDBOX_LISTENERS"


@dataclass(frozen=True, slots=True)
class Listeners:
    """One socket on TLS, one on the local path; both stay open for the life of the box."""

    tcp: socket.socket
    uds: socket.socket


@contextmanager
def listening(host: str, port: int, path: Path, environ: Mapping[str, str]) -> Iterator[Listeners]:
    """Listen, on what was handed down where it was.

    Raises:
        PortTaken, SocketRefused, AlreadyRunning: a place cannot be had.
    """
    tcp, uds = _handed_down(environ.get(VARIABLE, ""))
    with _tcp(host, port, tcp) as one, _uds(path, uds) as other:
        yield Listeners(one, other)


def begin_anew(both: Listeners, keep: tuple[int, ...], environ: Mapping[str, str]) -> NoReturn:
    """Become a process that has never held a key; whoever connects meanwhile waits, and is answered by it.

    What a process once read stays in its memory until that is used again: an interpreter cannot
    overwrite the texts and keys that passed through it. The kernel gives the new one clean pages.

    Args:
        both: the sockets, handed over.
        keep: further descriptors to hand over.
        environ: the environment of this process.

    Raises:
        OSError: the program cannot be started.
    """
    handles = (both.tcp.fileno(), both.uds.fileno())
    for handle in (*handles, *keep):
        os.set_inheritable(handle, True)
    frozen = getattr(sys, "frozen", False)
    argv = (sys.executable, *(() if frozen else ("-m", "appliance")), "serve")
    sources = str(Path(__file__).resolve().parents[2])
    told = {"PYTHONPATH": sources, **environ, VARIABLE: ",".join(map(str, handles))}
    os.execve(argv[0], argv, told)  # noqa: S606  # this very program, without a shell


def _handed_down(text: str) -> tuple[socket.socket | None, socket.socket | None]:
    """The two sockets of a process before this one; nothing of it is believed that is not so."""
    words = text.split(",")
    if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):  # noqa: PLR2004
        return None, None
    found: list[socket.socket] = []
    try:
        found.extend(socket.socket(fileno=int(word)) for word in words)
        ready = all(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in found)
    except (OSError, OverflowError):
        ready = False
    if not ready or [one.family == socket.AF_UNIX for one in found] != [False, True]:
        for one in found:
            # Whoever's descriptors these are, they are left open.
            one.detach()
        return None, None
    for one in found:
        # Engines and workers must not see them.
        one.set_inheritable(False)
    return found[0], found[1]


@contextmanager
def _tcp(host: str, port: int, held: socket.socket | None) -> Iterator[socket.socket]:
    if held is not None:
        with held:
            yield held
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host=host, port=port) from error
            raise SocketRefused(where=f"{host}:{port}", reason=error.strerror) from error
        listener.setblocking(False)
        yield listener


@contextmanager
def _uds(path: Path, held: socket.socket | None) -> Iterator[socket.socket]:
    with held or _fresh_uds(path) as listener:
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _fresh_uds(path: Path) -> Iterator[socket.socket]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _remove_stale(path)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
            listener.listen(BACKLOG)
        except OSError as error:
            raise SocketRefused(where=str(path), reason=error.strerror or str(error)) from error
        finally:
            os.umask(mask)
        listener.setblocking(False)
        yield listener


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            # Nobody listens: what lies there was left by a process that was killed.
            path.unlink(missing_ok=True)
        else:
            raise AlreadyRunning(socket=path)
