"""Killing a process at every step of a piece of work: a fork dies by SIGKILL before its n-th system call."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STEPS = ("open", "fsync", "replace", "unlink", "pwrite", "pwritev")
"""Calls of `os` that change a disk or a memory file, or end a change."""


class Steps:
    """Counts the steps of a piece of work and strikes at one of them."""

    def __init__(self, strike_at: int, strike: Callable[[], None]) -> None:
        self.count = 0
        self._at = strike_at
        self._strike = strike

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self._at:
                self._strike()
            return real(*args, **named)

        return step


@contextmanager
def stepping(strike_at: int, strike: Callable[[], None]) -> Iterator[Steps]:
    steps, real = Steps(strike_at, strike), {name: getattr(os, name) for name in STEPS}
    try:
        for name, call in real.items():
            setattr(os, name, steps.wrap(call))
        yield steps
    finally:
        for name, call in real.items():
            setattr(os, name, call)


def killed_at(step: int, prepare: Callable[[], Any], work: Callable[[Any], Any]) -> bool:
    """Do the work in a fork that is killed before its step; False when it has no such step.

    What `prepare` returns is made in the fork: secrets are wiped when a process forks.
    """
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            made = prepare()
            with stepping(step, lambda: os.kill(os.getpid(), signal.SIGKILL)):
                work(made)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in {0, -signal.SIGKILL}, f"the work failed by itself: {status}"
    return status != 0


def full_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
