"""The result files of a batch as they grow: one line a request, found again after a stop."""

import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from appliance.batches.gateway import Told
from appliance.batches.lines import Line

_OK: Final = 200
_ENCODE: Final = msgspec.json.Encoder().encode


class Answered(Struct, gc=False):
    """What was answered, as OpenAI's batches tell it."""

    status_code: int
    request_id: str
    body: Raw


class Failed(Struct, gc=False):
    """Why nothing was asked."""

    code: str
    message: str


class Result(Struct, gc=False):
    """One line of a result file."""

    id: str
    custom_id: str
    response: Answered | None = None
    error: Failed | None = None


class _Seen(Struct, gc=False):
    custom_id: str


_SEEN: Final = msgspec.json.Decoder(_Seen)


class Results:
    """Answers in one file, failures in the other; every line is durable before the next is asked.

    Args:
        directory: The job's own directory.
        batch_id: The batch.
    """

    def __init__(self, directory: Path, batch_id: str) -> None:
        self.output = directory / "output.jsonl"
        self.errors = directory / "errors.jsonl"
        self._batch_id = batch_id
        self.completed = _found(self.output)
        self.failed = _found(self.errors)

    def has(self, custom_id: str) -> bool:
        """Whether this request has its line already."""
        return custom_id in self.completed or custom_id in self.failed

    def answered(self, line: Line, told: Told) -> None:
        """Write down what came of a request."""
        response = Answered(told.status, told.request_id, Raw(told.body))
        result = Result(self._id(line), line.custom_id, response)
        if told.status == _OK:
            _append(self.output, result)
            self.completed.add(line.custom_id)
        else:
            _append(self.errors, result)
            self.failed.add(line.custom_id)

    def given_up(self, line: Line, code: str, message: str) -> None:
        """Write down that a request was not asked."""
        _append(self.errors, Result(self._id(line), line.custom_id, error=Failed(code, message)))
        self.failed.add(line.custom_id)

    def _id(self, line: Line) -> str:
        return f"batch_req_{self._batch_id.removeprefix('batch_')}_{line.number}"


def _append(path: Path, result: Result) -> None:
    with path.open("ab") as stream:
        stream.write(_ENCODE(result) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def _found(path: Path) -> set[str]:
    """The requests that have their line; half a line, left by a crash, is cut off."""
    seen: set[str] = set()
    if not path.exists():
        return seen
    good = 0
    with path.open("rb+") as stream:
        for raw in stream:
            if not raw.endswith(b"\n"):
                break
            try:
                seen.add(_SEEN.decode(raw).custom_id)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break
            good += len(raw)
        stream.truncate(good)
    return seen
