"""Keeps programs alive: the only place in models that starts any, and none outlives the box."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.engines import guard
from models.engines.explain import Failure, explain_exit
from models.engines.log_filter import LogFilter
from models.engines.memory import out_of_memory_kills
from models.engines.tied import tied
from models.errors import EngineMissing

_KEPT_LINES: Final = 200
_STREAM_LIMIT: Final = 1 << 20
_KILL_WAIT_S: Final = 10.0
_CHUNK: Final = 1 << 16
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended.

    Attributes:
        code: Exit status, or the negative number of the signal that ended it.
        asked: Whether the box itself asked it to end.
        reason: The end as a sentence.
    """

    code: int
    asked: bool
    reason: Failure


class KeptProcess:
    """One running program with the tail of what it said."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ooms: int,
        words: LogFilter,
        hear: Callable[[str], object],
    ) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ooms = ooms
        self._words = words
        self._hear = hear
        self._asked = False
        self._reader = asyncio.create_task(self._read(), name=f"engine-log-{process.pid}")

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group and session."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    def tail(self) -> tuple[str, ...]:
        """The last lines that it wrote, oldest first."""
        return tuple(self._lines)

    def seal(self) -> None:
        """From now on the program may speak of requests; see `LogFilter`."""
        self._words.seal()

    async def wait(self) -> Exit:
        """Waits for the end of the process and says how it came."""
        code = await self._ended()
        # What it started in its group may hold the pipe open, and has no business without it.
        _signal_group(self.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            # One that has left the group is not worth waiting for.
            await asyncio.wait_for(asyncio.shield(self._reader), 1.0)
        self._reader.cancel()
        oom = out_of_memory_kills() > self._ooms
        reason = explain_exit(code, self.tail(), oom_killed=oom and not self._asked)
        return Exit(code, self._asked, reason)

    async def stop(self, grace_s: float = 10.0) -> Exit:
        """Asks the group to end, and ends it after `grace_s` seconds."""
        self._asked = True
        _signal_group(self.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(self._ended(), grace_s)
        except TimeoutError:
            _signal_group(self.pid, signal.SIGKILL)
            await asyncio.wait_for(self._ended(), _KILL_WAIT_S)
        return await self.wait()

    async def _ended(self) -> int:
        """The exit status, as soon as the kernel tells it.

        asyncio's own `wait` may go on until the pipe is closed as well, which somebody whom the
        program has started can hold open for ever.
        """
        waiting = asyncio.ensure_future(self._process.wait())
        try:
            while self._process.returncode is None:
                await asyncio.wait({waiting}, timeout=_LOOK_S)
        finally:
            waiting.cancel()
        return self._process.returncode

    async def _read(self) -> None:
        """Reads lines; a carriage return ends one too, as bars of progress are drawn with it."""
        stream = self._process.stdout
        rest = b""
        while stream is not None:
            part = await stream.read(_CHUNK)
            if not part:
                break
            *lines, rest = (rest + part).replace(b"\r", b"\n").split(b"\n")
            # What has no end yet is kept up to a limit: a line is cut, the memory stays bounded.
            rest = rest[:_STREAM_LIMIT]
            for line in lines:
                self._keep(line)
        if rest:
            self._keep(rest)

    def _keep(self, line: bytes) -> None:
        text = line[:_CHUNK].decode("utf-8", "replace")
        if text.strip():
            self._hear(text)
            self._lines.append(self._words.clean(text))


def _nothing(_: str) -> None:
    """Hears nothing."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How a program is listened to and kept together.

    Attributes:
        words: Judges what is kept of its lines.
        hear: Gets every line while nobody's request can be in it yet; keeps nothing of it.
        guarded: Whether it starts processes of its own that must not outlive it.
    """

    words: LogFilter = field(default_factory=LogFilter)
    hear: Callable[[str], object] = _nothing
    guarded: bool = False


class ProcessKeeper:
    """Starts programs that end with this process, however it ends.

    `setpriv --pdeathsig` makes the kernel kill the program when the thread that started it
    ends, kill -9 included; a function run between fork and exec could do the same, but may
    deadlock in a process with threads. A program whose parent ended before that was arranged
    is never begun.
    """

    def __init__(self, setpriv: Path | None = None) -> None:
        found = shutil.which("setpriv") if setpriv is None else str(setpriv)
        if found is None:
            raise EngineMissing(program="setpriv")
        self._setpriv = found

    async def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path | None = None,
        may_gain_privileges: bool = False,
        listening: Listening | None = None,
    ) -> KeptProcess:
        """Starts a program in a session of its own.

        Args:
            argv: Program and arguments; no secrets, every user can read them.
            env: The whole environment.
            cwd: Working directory.
            may_gain_privileges: Lets the program use setuid ones, as gocryptfs does to mount.
            listening: What is kept of its words, and whether a guard ends its workers with it.

        Raises:
            EngineMissing: The program is not there or cannot be executed.
        """
        heard = listening or Listening()
        program = shutil.which(argv[0]) if argv else None
        if program is None:
            raise EngineMissing(program=argv[0] if argv else "")
        bound = () if may_gain_privileges else ("--no-new-privs",)
        # Under a guard the guard is the parent, and ends by its pipe what it has just begun.
        parent = None if heard.guarded else os.getpid()
        ooms = out_of_memory_kills()
        process = await asyncio.create_subprocess_exec(
            *(_guard() if heard.guarded else ()),
            *tied(self._setpriv, parent, *bound),
            program,
            *argv[1:],
            # The guard watches this pipe: it ends with this process, however that dies.
            stdin=subprocess.PIPE if heard.guarded else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        return KeptProcess(process, ooms, heard.words, heard.hear)


def _guard() -> tuple[str, ...]:
    """The guard as a program: in a build, the executable runs modules of the house by name."""
    if getattr(sys, "frozen", False):
        return (sys.executable, "-m", "models.engines.guard")
    return (sys.executable, "-I", "-S", str(guard.__file__))


def run_tool(argv: Sequence[str], timeout_s: float = 10.0) -> str | None:
    """Runs a vendor's tool for `models.hardware` and returns what it printed.

    Returns:
        Its output, or None when it is not installed.

    Raises:
        TimeoutError: It did not end in time.
        OSError: It could not be run or failed.
    """
    program = shutil.which(argv[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(argv[0]) from error
    except subprocess.CalledProcessError as error:
        raise OSError(error.returncode, argv[0]) from error
    return done.stdout.decode("utf-8", "replace")


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
