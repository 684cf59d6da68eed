"""One worker process: started with a spec, listened to, asked to stop, and never left behind."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from appliance.jobs.errors import WorkerSilent, WorkerUnstartable
from appliance.jobs.job import Json
from appliance.jobs.protocol import Ear, Said
from models.engines.tied import tied
from models.hardware.waiting import SHARED_CORES

_CHUNK: Final = 64 * 1024
_PAUSE_S: Final = 0.01
_POLL_S: Final = 0.02
_DRAIN_S: Final = 2.0
_NICE: Final = "10"
_ROOT: Final = Path(__file__).resolve().parents[2]

EXIT_INTERRUPTED: Final = 75
"""What a worker exits with after it was asked to stop and wrote a checkpoint (EX_TEMPFAIL)."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How to run a worker.

    Attributes:
        argv: Program and arguments.
        env: The whole environment; nothing of the box's own leaks into it.
        directory: Working directory; stderr.log is written here.
        spec: The JSON object for its standard input.
        silence_s: Seconds without a word after which it counts as hung.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: Path
    spec: Json
    silence_s: float


class Worker:
    """A running worker in a process group of its own that dies with the box."""

    def __init__(self, process: Process, plan: WorkerPlan) -> None:
        self._process = process
        self._plan = plan

    @classmethod
    async def start(cls, plan: WorkerPlan) -> "Worker":
        """Start the process and hand it its spec. Raises WorkerUnstartable."""
        try:
            with (plan.directory / "stderr.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *_leash(plan.argv[0]),
                    *plan.argv[1:],
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=log,
                    cwd=plan.directory,
                    env=dict(plan.env),
                    start_new_session=True,
                )
        except OSError as error:
            raise WorkerUnstartable(reason=error.strerror or type(error).__name__) from error
        worker = cls(process, plan)
        await worker._hand_over()
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def said(self) -> AsyncIterator[Said]:
        """Yield what the worker says until it closes its output.

        Raises:
            WorkerFlood: It says far too much.
            WorkerSilent: It says nothing for `silence_s` seconds.
        """
        stdout = self._process.stdout
        if stdout is None:
            return
        ear = Ear(time.monotonic())
        while True:
            try:
                chunk = await asyncio.wait_for(stdout.read(_CHUNK), self._plan.silence_s)
            except TimeoutError:
                raise WorkerSilent(seconds=int(self._plan.silence_s)) from None
            if not chunk:
                return
            for said in ear.hear(chunk, time.monotonic()):
                yield said
            if len(chunk) == _CHUNK:
                # A full chunk means it writes faster than anybody reads: let the pipe hold it back.
                await asyncio.sleep(_PAUSE_S)

    async def wait(self, timeout_s: float = inf) -> int | None:
        """Return the exit status (negative: the signal), or None when it still runs."""
        # asyncio's own wait() also waits for the pipes, which a flood or a grandchild keeps open.
        deadline = time.monotonic() + timeout_s
        while self._process.returncode is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return self._process.returncode

    async def close(self) -> None:
        """End whatever is left of the worker and close its pipes."""
        self.kill()
        await self.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drain(), _DRAIN_S)

    async def _drain(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and await stdout.read(_CHUNK):
            pass

    def ask_to_stop(self) -> None:
        """Ask the worker to write a checkpoint and leave."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and everything it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _hand_over(self) -> None:
        stdin = self._process.stdin
        if stdin is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(json.dumps(self._plan.spec).encode() + b"\n")
            await stdin.drain()
            stdin.close()


def worker_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: the path, the locale, and what its kind adds."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(_ROOT),
        **SHARED_CORES,
        **extra,
    }


def _leash(program: str) -> tuple[str, ...]:
    """Return a command line that makes the kernel kill the program when the box dies.

    The same way as `models.engines.process`: a function between fork and exec could do it too, but
    may deadlock in a process with threads.
    """
    found, setpriv, nice = shutil.which(program), shutil.which("setpriv"), shutil.which("nice")
    if found is None or setpriv is None or nice is None:
        missing = program if found is None else "setpriv, nice"
        raise WorkerUnstartable(reason=missing)
    return (*tied(setpriv, os.getpid(), "--no-new-privs"), nice, "-n", _NICE, found)
