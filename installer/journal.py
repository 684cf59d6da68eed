"""The journal: which steps began and ended on this machine, one durable line each."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["begun", "done", "undone"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what happened to one step, and when (seconds since the epoch)."""

    step: str
    outcome: Outcome
    at: float


class Journal:
    """An append-only NDJSON file. A torn last line (power cut) is ignored and overwritten."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def note(self, step: str, outcome: Outcome) -> None:
        """Append one line and make it durable before returning."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"step": step, "outcome": outcome, "at": self._clock()})
        with self._path.open("a+b") as stream:
            if stream.tell() and not _ends_with_newline(self._path):
                stream.write(b"\n")
            stream.write(line.encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def entries(self) -> tuple[Entry, ...]:
        """All whole lines, oldest first."""
        if not self._path.exists():
            return ()
        found = []
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return tuple(found)

    def last(self, step: str) -> Outcome | None:
        """The latest outcome of a step, or None if it never ran."""
        outcome: Outcome | None = None
        for entry in self.entries():
            if entry.step == step:
                outcome = entry.outcome
        return outcome


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
