"""What a worker says: lines of JSON on its standard output, judged one by one."""

import json
from dataclasses import dataclass
from typing import Any, Final

from appliance.jobs.errors import WorkerFlood
from appliance.jobs.job import Json

MAX_LINE: Final = 1024 * 1024
"""Bytes in one line; a result that is longer belongs in a file of the job's directory."""
MAX_NOISE: Final = 64 * 1024
"""Bytes that are not of the protocol (a library's stray print) before the worker is ended."""
_BURST: Final = 20_000.0
_LINES_PER_S: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A report on the way."""

    data: Json


@dataclass(frozen=True, slots=True)
class Result:
    """The end, with what came out."""

    data: Json


@dataclass(frozen=True, slots=True)
class Complaint:
    """The end, with what went wrong in the worker's own words."""

    code: str
    sentence: str
    way_out: str


Said = Progress | Result | Complaint


def read_line(line: bytes) -> Said | None:
    """Return what a line says, or None when it is not of the protocol."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    event = value.pop("event", None)
    if event == "progress":
        return Progress(value)
    if event == "done":
        result = value.get("result", {})
        return Result(result) if isinstance(result, dict) else None
    if event == "error":
        return Complaint(
            _words(value.get("code"), "job.worker-fault", 128),
            _words(
                value.get("sentence"), "工作进程报告了错误。 The worker reported an error.", 4000
            ),
            _words(value.get("way_out"), "", 4000),
        )
    return None


class Ear:
    """Cuts a worker's output into lines and loses patience with floods.

    Args:
        now: Monotonic time in seconds at the start.
    """

    def __init__(self, now: float) -> None:
        self._rest = b""
        self._noise = 0
        self._patience = _BURST
        self._at = now

    def hear(self, chunk: bytes, now: float) -> list[Said]:
        """Return what a chunk of output completes.

        Raises:
            WorkerFlood: A line is too long, there are too many, or too much is not of the protocol.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise WorkerFlood(what=f"> {MAX_LINE} B / 行 line")
        self._patience = min(_BURST, self._patience + (now - self._at) * _LINES_PER_S)
        self._patience -= len(lines)
        self._at = now
        if self._patience < 0:
            raise WorkerFlood(what=f"> {_LINES_PER_S:.0f} 行/秒 lines/s")
        return [said for line in lines if (said := self._judge(line)) is not None]

    def _judge(self, line: bytes) -> Said | None:
        if not line.strip():
            return None
        said = read_line(line)
        if said is None:
            self._noise += len(line)
            if self._noise > MAX_NOISE:
                raise WorkerFlood(what=f"> {MAX_NOISE} B 非协议内容 outside the protocol")
        return said


def _words(value: Any, default: str, limit: int) -> str:
    return value[:limit] if isinstance(value, str) and value else default
