"""The worker process of one evaluation: a specification on stdin, progress as NDJSON on stdout."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from eval.errors import EvalError, EvalSpecInvalid
from eval.run import Run
from eval.specification import Specification, read_specification
from eval.subject import Subject

INTERRUPTED = 75
"""Exit status of a run that was asked to stop and can go on later (EX_TEMPFAIL of sysexits.h)."""
LONGEST_SPEC = 1_048_576


def main(source: TextIO, sink: TextIO) -> int:
    """Run one evaluation.

    Returns:
        0 done, 1 refused (an `error` event says why), 75 interrupted by SIGTERM.
    """

    def tell(event: str, body: Mapping[str, Any]) -> None:
        sink.write(json.dumps({"event": event, **body}, ensure_ascii=False) + "\n")
        sink.flush()

    try:
        specification = read_specification(_parse(source.readline(LONGEST_SPEC)))
        specification.out.mkdir(parents=True, exist_ok=True)
        run = Run(specification.out, lambda progress: tell("progress", progress))
        report = asyncio.run(_until_terminated(run, specification))
    except EvalError as error:
        tell("error", {"code": error.code, "sentence": error.sentence, "way_out": error.way_out})
        return 1
    if report is None:
        return INTERRUPTED
    tell("done", {"result": report})
    return 0


async def _until_terminated(run: Run, specification: Specification) -> dict[str, Any] | None:
    async def examine() -> dict[str, Any]:
        async with Subject(specification.address) as subject:
            return await run.examine(subject, specification.suites)

    task = asyncio.create_task(examine())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return None


def _parse(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise EvalSpecInvalid(reason="不是一行 JSON not one line of JSON") from None
    if not isinstance(value, dict):
        raise EvalSpecInvalid(reason="不是 JSON 对象 not a JSON object")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
