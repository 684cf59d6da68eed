"""Runs one program and ends everything it started, whichever of the two or their owner dies first.

    python guard.py PROGRAM ARGUMENT...

The owner holds the other end of standard input and never writes to it: when the owner dies, even
by kill -9, the pipe ends, and the guard kills the program with all its descendants. Engines such
as vLLM start workers that would otherwise live on with the accelerator's memory. The guard is the
reaper of its descendants (PR_SET_CHILD_SUBREAPER), so that none can hide by detaching itself.
Standard library only: it runs as a script in any Python.
"""

import ctypes
import os
import resource
import select
import signal
import subprocess  # noqa: TID251  (the guard belongs to models.engines.process)
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_KILL_ROUNDS = 200
_PAUSE_MS = 50


def main(argv: list[str]) -> int:
    """Runs the program and ends as it ended: with its status, or by its signal."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken = _listen_for_children()
    # The program is in this process's group and gets a SIGTERM to the group by itself.
    signal.signal(signal.SIGTERM, _stay)
    signal.signal(signal.SIGINT, _stay)
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError:
        return 127
    status = _watch(child.pid, woken)
    left = _end_descendants(child.pid)
    return _end_alike(left if status is None else status)


def _listen_for_children() -> int:
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _stay)
    return reading


def _stay(_number: int, _frame: object) -> None:
    """A handler, not SIG_IGN: the program must not inherit that a signal is ignored."""


def _watch(child: int, woken: int) -> int | None:
    """Waits for the end of the program (its wait status) or of the owner (None)."""
    events = select.poll()
    events.register(0, select.POLLIN | select.POLLHUP)
    events.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in events.poll():
            if descriptor == woken:
                with suppress(BlockingIOError):
                    os.read(woken, 512)
            elif not os.read(0, 512):
                return None
        for pid, status in _reap():
            if pid == child:
                return status


def _reap() -> Iterator[tuple[int, int]]:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, status


def _end_descendants(child: int) -> int:
    """Kills until none is left; orphans come to this process, so the tree below it is all."""
    ended = signal.SIGKILL.value
    pause = select.poll()
    for _ in range(_KILL_ROUNDS):
        family = _descendants(os.getpid())
        for pid in family:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid, status in _reap():
            ended = status if pid == child else ended
        if not family:
            break
        pause.poll(_PAUSE_MS)
    return ended


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _end_alike(status: int) -> int:
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
