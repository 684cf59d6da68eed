"""The process that holds keys: it leaves no core dump, and nobody of its user reads its memory."""

import ctypes
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# prctl(2), linux/prctl.h.
_GET_DUMPABLE: Final = 3
_SET_DUMPABLE: Final = 4


def guard() -> bool:
    """Forbid core dumps and tracing for the rest of this process's life; whether the kernel agreed.

    Programs that it starts are not bound by the second (execve lifts it) and inherit the first.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    _prctl(_SET_DUMPABLE, 0)
    return guarded()


@contextmanager
def readable() -> Iterator[None]:
    """Let programs of the same user open this process's memory files for as long as the block lasts.

    A mount program reads its password there; core dumps stay off.
    """
    before = _prctl(_GET_DUMPABLE, 0)
    try:
        _prctl(_SET_DUMPABLE, 1)
        yield
    finally:
        _prctl(_SET_DUMPABLE, before)


def guarded() -> bool:
    """Whether this process leaves no core dump and cannot be traced."""
    return leaves_no_core() and not dumpable()


def leaves_no_core() -> bool:
    """Whether the core dumps of this process are limited to nothing."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return soft == 0


def dumpable() -> bool:
    """Whether processes of the same user may trace this one and read its memory."""
    return _prctl(_GET_DUMPABLE, 0) != 0


def _prctl(option: int, value: int) -> int:
    call = ctypes.CDLL(None, use_errno=True).prctl
    call.argtypes = (ctypes.c_int, *([ctypes.c_ulong] * 4))
    call.restype = ctypes.c_int
    return int(call(option, value, 0, 0, 0))
