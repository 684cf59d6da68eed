"""Groups of processes: started, asked for the processor time that they spent, ended to the last one."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.peers.environments import Unavailable


@dataclass(frozen=True, slots=True)
class Front:
    """Something that answers OpenAI's API: where, by which key, and whose processor time counts."""

    name: str
    port: int
    key: str
    roots: tuple[psutil.Process, ...]
    warm_s: float = 1.0


@contextmanager
def group(argv: list[str], log: Path, **environ: str) -> Iterator[subprocess.Popen]:
    """A process with a session, a home and a log of its own, all of it gone after the block."""
    home = {"HOME": str(log.parent), "NO_PROXY": "127.0.0.1,localhost"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
            env={**os.environ, **home, **environ},
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """Asks the whole group to end, then ends it, with children that left for a group of their own."""
    known: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        known = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for child in known:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def wait_until(
    name: str, process: subprocess.Popen, log: Path, limit_s: float, asked: Callable[[], bool]
) -> None:
    """Asks again and again until the answer is yes.

    Raises:
        Unavailable: The process ended, or the time is up; with what the log says last.
    """
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < limit_s:
        with suppress(OSError):
            if asked():
                return
        time.sleep(0.25)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    ended = "ended" if process.poll() is not None else f"did not answer within {limit_s:.0f} s"
    raise Unavailable(f"{name} {ended}; its log ends: {' / '.join(lines[-3:])[:400]}")


def listeners(port: int) -> tuple[psutil.Process, ...]:
    """Those of this process's descendants that listen on a port of loopback."""
    return tuple(
        child
        for child in psutil.Process().children(recursive=True)
        if any(
            one.status == psutil.CONN_LISTEN and one.laddr.port == port
            for one in child.net_connections("tcp")
        )
    )


def spent(roots: Iterable[psutil.Process]) -> float:
    """Processor seconds that these processes and their descendants used so far."""
    family: set[psutil.Process] = set()
    seconds = 0.0
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            family |= {root, *root.children(recursive=True)}
    for one in family:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            seconds += times.user + times.system
    return seconds
