"""The results of a batch as they grow: one sealed line a request, found again after a stop."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from appliance.batches.gateway import Told
from appliance.batches.journal import Journal
from appliance.batches.lines import Line
from secure_compute.stream import StreamKey

_OK: Final = 200
_ENCODE: Final = msgspec.json.Encoder().encode
Growing = Callable[[str], StreamKey]
"""Gives the key of a file that grows, by its id."""


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


def output_id(batch_id: str) -> str:
    """The id of the file that a batch's answers become."""
    return f"file-{_short(batch_id)}a"


def error_id(batch_id: str) -> str:
    """The id of the file that a batch's failures become."""
    return f"file-{_short(batch_id)}b"


def journals(directory: Path, batch_id: str, growing: Growing) -> tuple[Journal, Journal]:
    """Answers and failures of a batch as they grow, each under the key of the file they become.

    Args:
        directory: the job's own directory.
        batch_id: the batch.
        growing: gives the keys.
    """
    made = []
    for name, file_id in (("output", output_id(batch_id)), ("errors", error_id(batch_id))):
        journal = Journal(directory / f"{name}.sealed", partial(growing, file_id))
        journal.take_over(directory / f"{name}.jsonl")
        made.append(journal)
    return made[0], made[1]


class Results:
    """Answers in one file, failures in the other; every line is durable before the next is asked.

    Args:
        directory: The job's own directory.
        batch_id: The batch.
        growing: Gives the keys of the files that they become.
    """

    def __init__(self, directory: Path, batch_id: str, growing: Growing) -> None:
        self.output, self.errors = journals(directory, batch_id, growing)
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

    def close(self) -> None:
        """Wipe the keys."""
        self.output.close()
        self.errors.close()

    def _id(self, line: Line) -> str:
        return f"batch_req_{self._batch_id.removeprefix('batch_')}_{line.number}"


def _append(journal: Journal, result: Result) -> None:
    journal.append(_ENCODE(result) + b"\n")


def _found(journal: Journal) -> set[str]:
    """The requests that have their line."""
    return {_SEEN.decode(line).custom_id for line in journal.lines()}


def _short(batch_id: str) -> str:
    return batch_id.removeprefix("batch_")[:23]
