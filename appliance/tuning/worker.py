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
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import orjson

from appliance.tuning.sealed_chats import lines_of
from appliance.tuning.spec import ADAPTER
from models.errors import ModelsError
from models.training.worker import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    progress_fields,
    say,
    say_fault,
)
from secure_compute.guard import guard

if TYPE_CHECKING:
    from models.training.loop import Outcome, Trainer

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
        spec = orjson.loads(source.readline(_MAX_SPEC))
        train = _tune if spec["recipe"] == ADAPTER else _train
        result = train(spec, stream, asked)
    except ModelsError as fault:
        say_fault(stream, fault)
        return EXIT_FAILED
    if result is None:
        return EXIT_INTERRUPTED
    say(stream, "done", {"result": result})
    return 0


def _train(spec: dict[str, Any], stream: BinaryIO, asked: list[int]) -> dict[str, Any] | None:
    from models.training import reference  # noqa: PLC0415  # torch takes seconds
    from models.training.loop import Progress, Surroundings, train  # noqa: PLC0415

    def report(progress: Progress) -> None:
        say(stream, "progress", {"phase": "train", **progress_fields(progress)})

    folder = Path(spec["directory"])
    chosen = reference.recipe(
        seed=spec["seed"], threads=spec["threads"], minutes=spec["minutes"], steps=spec["steps"]
    )
    say(stream, "progress", {"phase": "prepare", "fraction": 0.0})
    outside = Surroundings(folder / "checkpoints", report, lambda: bool(asked))
    trainer = _together(spec) if spec.get("boxes", 1) > 1 else train
    made = reference.make(folder, chosen, outside, count=spec["records"], trainer=trainer)
    if not isinstance(made, reference.Made):
        return None
    card = reference.card(made, chosen, (), day="")
    described = replace(card, id=spec["name"], version=spec["version"])
    return {
        "gguf": made.gguf.name,
        "card": described.to_json(),
        **_told(spec, digest_of_folder(folder / "corpus"), chosen.as_dict(), made.outcome),
    }


def _together(spec: dict[str, Any]) -> "Trainer":
    """Training on several boxes, by way of this box's Ray node."""
    from models.training.ray_run import Together, connect  # noqa: PLC0415

    connect(spec["ray"])
    return Together(spec["boxes"], spec["threads"]).train


def _tune(spec: dict[str, Any], stream: BinaryIO, asked: list[int]) -> dict[str, Any] | None:
    from models.training import adapter_run  # noqa: PLC0415  # torch takes seconds
    from models.training.loop import Progress, Surroundings  # noqa: PLC0415

    def report(progress: Progress) -> None:
        say(stream, "progress", {"phase": "train", **progress_fields(progress)})

    folder, base = Path(spec["directory"]), Path(sys.argv[1])
    chosen = adapter_run.recipe(spec)
    source = adapter_run.Source(spec["records"])
    if spec.get("dataset") is not None:
        # Whoever holds a key of somebody's data leaves no core dump.
        guard()
        lines = lines_of(Path(sys.argv[2]), spec["seal"])
        source = adapter_run.Source(chats=lines, epochs=spec["epochs"])
    say(stream, "progress", {"phase": "prepare", "fraction": 0.0})
    outside = Surroundings(folder / "checkpoints", report, lambda: bool(asked))
    made = adapter_run.tune(base, folder, chosen, outside, source)
    if not isinstance(made, adapter_run.Tuned):
        return None
    told = _told(spec, made.corpus, made.recipe.as_dict(), made.outcome)
    return told | {"gguf": made.gguf.name}


def _told(
    spec: dict[str, Any], digest: str, recipe: dict[str, Any], outcome: "Outcome"
) -> dict[str, Any]:
    """What every training tells of itself."""
    dataset = {
        "generator": "models.reference.corpus",
        "seed": spec["seed"],
        "records": spec["records"],
    }
    if spec.get("dataset") is not None:
        dataset = {"file": spec["dataset"], "epochs": spec["epochs"]}
    return {
        "recipe": recipe,
        "dataset": {**dataset, "digest": digest},
        "steps": outcome.step,
        "loss": outcome.loss,
        "tokens": outcome.tokens,
        "seconds": round(outcome.seconds, 1),
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
