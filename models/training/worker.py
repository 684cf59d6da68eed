"""Training worker process: one JSON line in, progress as JSON lines out, resumable on SIGTERM."""

import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, BinaryIO

import orjson

from models.errors import ModelsError
from models.training.errors import SpecMalformed

EXIT_FAILED = 1
# EX_TEMPFAIL of sysexits.h: stopped with a checkpoint, the same job can go on later.
EXIT_INTERRUPTED = 75
_MAX_SPEC_BYTES = 1 << 20


class _Stop:
    """Becomes true on SIGTERM or SIGINT; the loop asks between two steps."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked = True

    def __call__(self) -> bool:
        return self._asked


def say(stream: BinaryIO, event: str, fields: Mapping[str, Any]) -> None:
    """Write one event as one line, at once."""
    stream.write(orjson.dumps({"event": event, **fields}) + b"\n")
    stream.flush()


def say_fault(stream: BinaryIO, fault: ModelsError) -> None:
    """Write a refusal: its code, its sentence and its way out, in both languages."""
    fields = {
        "code": fault.code,
        "sentence": fault.sentence,
        "sentence_zh": fault.sentence_zh,
        "sentence_en": fault.sentence_en,
        "way_out": fault.way_out,
    }
    say(stream, "error", fields)


def work(source: BinaryIO, stream: BinaryIO) -> int:
    """Read a spec, do the job, tell about it; return the exit status of the process."""
    stop = _Stop()
    stop.listen()
    try:
        return _work(source, stream, stop)
    except ModelsError as fault:
        say_fault(stream, fault)
        return EXIT_FAILED
    except Exception as fault:  # noqa: BLE001 - the wall of the worker process
        say(stream, "error", {"code": "training.failed", "sentence": repr(fault), "way_out": ""})
        return EXIT_FAILED


def _work(source: BinaryIO, stream: BinaryIO, stop: _Stop) -> int:
    line = source.readline(_MAX_SPEC_BYTES)
    try:
        document = orjson.loads(line)
    except ValueError as fault:
        raise SpecMalformed(reason=str(fault)) from fault
    # Torch takes seconds to import: only a readable spec is worth them.
    from models.training.job import Trained, parse_spec, run  # noqa: PLC0415
    from models.training.loop import Progress, Surroundings  # noqa: PLC0415

    def report(progress: Progress) -> None:
        say(stream, "progress", progress_fields(progress))

    spec = parse_spec(document)
    result = run(spec, Surroundings(checkpoints=spec.out / "checkpoints", report=report, stop=stop))
    if isinstance(result, Trained):
        say(stream, "done", {"result": result.as_dict()})
        return 0
    return EXIT_INTERRUPTED


def progress_fields(progress: Any) -> dict[str, Any]:
    """Return a `Progress` as JSON values with the digits a person reads."""
    return {
        "step": progress.step,
        "steps": progress.steps,
        "fraction": round(progress.fraction, 4),
        "loss": round(progress.loss, 4),
        "smooth_loss": round(progress.smooth_loss, 4),
        "rate": round(progress.rate, 6),
        "tokens": progress.tokens,
        "tokens_per_s": round(progress.tokens_per_s, 1),
        "seconds": round(progress.seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(work(sys.stdin.buffer, sys.stdout.buffer))
