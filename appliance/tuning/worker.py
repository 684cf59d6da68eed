"""The worker process of a training job: spec on stdin, NDJSON on stdout, resumable on SIGTERM.

Run as `python -m appliance.tuning.worker`. Heavy libraries load here and nowhere in the box's own
process.
"""

import signal
import sys
from dataclasses import replace
from hashlib import file_digest, sha256
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final

import orjson

from models.errors import ModelsError
from models.training.worker import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    progress_fields,
    say,
    say_fault,
)

_MAX_SPEC: Final = 1 << 20


def work(source: BinaryIO, stream: BinaryIO) -> int:
    """Read a spec, train, tell about it; return the exit status."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(number)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = _train(orjson.loads(source.readline(_MAX_SPEC)), stream, asked)
    except ModelsError as fault:
        say_fault(stream, fault)
        return EXIT_FAILED
    if result is None:
        return EXIT_INTERRUPTED
    say(stream, "done", {"result": result})
    return 0


def _train(spec: dict[str, Any], stream: BinaryIO, asked: list[int]) -> dict[str, Any] | None:
    from models.training import reference  # noqa: PLC0415  # torch takes seconds
    from models.training.loop import Progress, Surroundings  # noqa: PLC0415

    def report(progress: Progress) -> None:
        say(stream, "progress", {"phase": "train", **progress_fields(progress)})

    folder = Path(spec["directory"])
    chosen = reference.recipe(
        seed=spec["seed"], threads=spec["threads"], minutes=spec["minutes"], steps=spec["steps"]
    )
    say(stream, "progress", {"phase": "prepare", "fraction": 0.0})
    outside = Surroundings(folder / "checkpoints", report, lambda: bool(asked))
    made = reference.make(folder, chosen, outside, count=spec["records"])
    if not isinstance(made, reference.Made):
        return None
    card = reference.card(made, chosen, (), day="")
    described = replace(card, id=spec["name"], version=spec["version"])
    return {
        "gguf": made.gguf.name,
        "card": described.to_json(),
        "recipe": chosen.as_dict(),
        "dataset": {
            "generator": "models.reference.corpus",
            "seed": spec["seed"],
            "records": spec["records"],
            "digest": digest_of_folder(folder / "corpus"),
        },
        "steps": made.outcome.step,
        "loss": made.outcome.loss,
        "tokens": made.outcome.tokens,
        "seconds": round(made.outcome.seconds, 1),
    }


def digest_of_folder(folder: Path) -> str:
    """Return SHA-256 over the names and digests of a flat folder's files, in hexadecimal."""
    whole = sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            whole.update(f"{path.name} {file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(work(sys.stdin.buffer, sys.stdout.buffer))
