"""The worker process of backups: a request with its keys on stdin, NDJSON on stdout.

Run as `python -m appliance.backup.worker`. It is a process of its own because it hashes and seals
with several threads, and because nobody else may read a database's raw file beside SQLite.
"""

import signal
import sys
import time
from types import FrameType
from typing import Any, BinaryIO, Final

import orjson

from appliance.backup.work import Request, perform
from appliance.errors import ApplianceError
from models.errors import ModelsError
from models.training.worker import EXIT_FAILED, EXIT_INTERRUPTED, say
from secure_compute.errors import SecureComputeError
from secure_compute.guard import guard

_MAX_SPEC: Final = 1 << 22
_TELL_EVERY_S: Final = 0.5


class _Stopped(Exception):
    """Somebody asked the worker to leave."""


class _Progress:
    """Tells of bytes now and then, and leaves when asked to."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._told = 0.0
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        del number, frame
        self.asked = True

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Tell, or stop."""
        if self.asked:
            raise _Stopped
        now = time.monotonic()
        if now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        fraction = round(done / max(total, 1), 4)
        fields: dict[str, Any] = {"phase": phase, "fraction": fraction, "bytes": done}
        say(self._stream, "progress", fields)


def work(source: BinaryIO, stream: BinaryIO) -> int:
    """Read a request, do it, tell about it; return the exit status."""
    # Before the keys come in.
    guard()
    progress = _Progress(stream)
    signal.signal(signal.SIGTERM, progress.ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = Request(orjson.loads(source.readline(_MAX_SPEC)))
    try:
        result = perform(request, progress)
    except _Stopped:
        return EXIT_INTERRUPTED
    except (ApplianceError, ModelsError, SecureComputeError) as fault:
        said = {"code": fault.code, "sentence": fault.sentence, "way_out": fault.way_out}
        say(stream, "error", said)
        return EXIT_FAILED
    say(stream, "done", {"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(work(sys.stdin.buffer, sys.stdout.buffer))
