"""Asks a program of the system, in a process group of its own that is killed when time is up."""

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.probes.tree import Tree

SECONDS: Final = 4.0
LIMIT: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
# The makers' own places stand behind the system's: nothing there can stand in for a system tool.
_PATH: Final = (
    "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
    ":/opt/mxdriver/bin:/opt/hyhal/bin:/usr/local/neuware/bin:/usr/local/Ascend/driver/tools"
)
_LIBRARIES: Final = "/usr/local/Ascend/driver/lib64/driver:/usr/local/Ascend/driver/lib64/common"
_SURROUNDINGS: Final = {"PATH": _PATH, "LC_ALL": "C", "LD_LIBRARY_PATH": _LIBRARIES}


def ask(tree: Tree, argv: Sequence[str], capture: str, seconds: float = SECONDS) -> Reading[str]:
    """What a program prints; of a captured machine, what was kept of it.

    Args:
        tree: The machine. Only on the live one a program is started.
        argv: The program and its arguments.
        capture: File name below /capture that stands for the program's answer.
        seconds: After these the program and all it started are killed.

    Returns:
        Its standard output, or Unread: ABSENT where there is no such program.
    """
    if not tree.live:
        return tree.text(f"/capture/{capture}", LIMIT)
    program = shutil.which(argv[0], path=_PATH)
    if program is None:
        return Unread(Reason.ABSENT, argv[0], "no such program")
    return run((program, *argv[1:]), seconds)


def run(argv: Sequence[str], seconds: float = SECONDS, limit: int = LIMIT) -> Reading[str]:
    """What the program at an absolute path prints, at most `limit` bytes in `seconds`."""
    source = " ".join(argv)[:200]
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(_SURROUNDINGS),
            start_new_session=True,
        )
    except OSError as error:
        return Unread(Reason.FAILED, source, error.strerror or type(error).__name__)
    with process:
        try:
            found = _read(process, source, time.monotonic() + seconds, limit)
        finally:
            _end(process)
    if isinstance(found, Unread):
        return found
    text = found.decode("utf-8", errors="replace")
    if process.returncode != 0:
        return Unread(Reason.FAILED, source, f"exit status {process.returncode}")
    return text if text.strip() else Unread(Reason.MALFORMED, source, "it printed nothing")


def _read(
    process: "subprocess.Popen[bytes]", source: str, end: float, limit: int
) -> Reading[bytes]:
    if process.stdout is None:  # pragma: no cover - a pipe was asked for
        return Unread(Reason.FAILED, source, "no pipe")
    handle = process.stdout.fileno()
    found = bytearray()
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([handle], [], [], left)
        chunk = os.read(handle, _CHUNK) if ready else b""
        if ready and not chunk:
            return _ended(process, source, end, bytes(found))
        found += chunk
        if len(found) > limit:
            return Unread(Reason.TOO_LARGE, source, f"more than {limit} bytes")
    return Unread(Reason.TIMED_OUT, source, "no answer in time")


def _ended(
    process: "subprocess.Popen[bytes]", source: str, end: float, found: bytes
) -> Reading[bytes]:
    try:
        process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Unread(Reason.TIMED_OUT, source, "it closed its output and did not end")
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kills whatever is left of the group; the program itself is awaited by its caller."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
