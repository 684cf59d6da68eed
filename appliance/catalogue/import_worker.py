"""The worker process of an import: judge, carry, hash; a spec on stdin, NDJSON on stdout.

Run as `python -m appliance.catalogue.import_worker`. It writes into its own staging folder only;
the box itself puts the finished model on the shelf and signs for it.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

import orjson

from models.errors import ModelsError
from models.registry.carding import card_from
from models.registry.carrying import Carried, carry
from models.registry.package import check_card
from models.registry.source import survey
from models.training.worker import EXIT_FAILED, EXIT_INTERRUPTED, say, say_fault

_MAX_SPEC: Final = 1 << 20
_TELL_EVERY_S: Final = 0.25


class _Progress:
    """Tells of bytes a few times a second."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._told = 0.0

    def __call__(self, carried: Carried) -> None:
        now = time.monotonic()
        if carried.done < carried.total and now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        seconds = max(now - self._begun, 1e-3)
        fields = {
            "phase": "copy",
            "fraction": round(carried.done / max(carried.total, 1), 4),
            "bytes": carried.done,
            "bytes_in_all": carried.total,
            "bytes_per_s": round(carried.done / seconds),
            "file": carried.file,
        }
        say(self._stream, "progress", fields)


def work(source: BinaryIO, stream: BinaryIO) -> int:
    """Read a spec, import, tell about it; return the exit status."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(number)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = orjson.loads(source.readline(_MAX_SPEC))
    try:
        say(stream, "progress", {"phase": "inspect", "fraction": 0.0})
        found = survey(spec["path"], tuple(map(Path, spec["forbidden"])))
        # A card that does not fit its file is refused before gigabytes are copied.
        card, missing = card_from(spec["id"], found.summary, found.sidecar)
        check_card(card, found.summary)
        files = carry(found, Path(spec["staging"]), _Progress(stream), lambda: bool(asked))
    except ModelsError as fault:
        say_fault(stream, fault)
        return EXIT_FAILED
    if files is None:
        return EXIT_INTERRUPTED
    say(stream, "progress", {"phase": "verify", "fraction": 1.0})
    result = {
        "card": card.to_json(),
        "missing": missing,
        "folder": found.folder,
        "files": {file.name: file.sha256 for file in files},
        "bytes": found.bytes,
    }
    say(stream, "done", {"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(work(sys.stdin.buffer, sys.stdout.buffer))
