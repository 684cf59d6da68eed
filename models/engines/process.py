"""Keeps programs alive: the only place in models that starts any, and none outlives the box."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.card import Bilingual
from models.engines.explain import explain_exit
from models.errors import EngineMissing

_KEPT_LINES: Final = 200
_LINE_CHARS: Final = 400
_STREAM_LIMIT: Final = 1 << 20
_KILL_WAIT_S: Final = 10.0


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
    reason: Bilingual


class KeptProcess:
    """One running program with the tail of what it said."""

    def __init__(self, process: asyncio.subprocess.Process, lines: deque[str], ooms: int) -> None:
        self._process = process
        self._lines = lines
        self._ooms = ooms
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

    async def wait(self) -> Exit:
        """Waits for the end of the process and says how it came."""
        code = await self._process.wait()
        with suppress(TimeoutError):
            # A grandchild may hold the pipe open; its words are not worth waiting for.
            await asyncio.wait_for(asyncio.shield(self._reader), 1.0)
        self._reader.cancel()
        _signal_group(self.pid, signal.SIGKILL)
        oom = out_of_memory_kills() > self._ooms
        reason = explain_exit(code, self.tail(), oom_killed=oom and not self._asked)
        return Exit(code, self._asked, reason)

    async def stop(self, grace_s: float = 10.0) -> Exit:
        """Asks the group to end, and ends it after `grace_s` seconds."""
        self._asked = True
        _signal_group(self.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            _signal_group(self.pid, signal.SIGKILL)
            await asyncio.wait_for(self._process.wait(), _KILL_WAIT_S)
        return await self.wait()

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:
                # A line longer than the stream's limit: what was buffered is dropped.
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._lines.append("".join(char if char.isprintable() else " " for char in text))
            if len(self._lines[-1]) > _LINE_CHARS:
                self._lines[-1] = self._lines[-1][:_LINE_CHARS]


class ProcessKeeper:
    """Starts programs that end with this process, however it ends.

    `setpriv --pdeathsig` makes the kernel kill the program when the thread that started it
    ends, kill -9 included; a function run between fork and exec could do the same, but may
    deadlock in a process with threads.
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
    ) -> KeptProcess:
        """Starts a program in a session of its own.

        Args:
            argv: Program and arguments; no secrets, every user can read them.
            env: The whole environment.
            cwd: Working directory.
            may_gain_privileges: Lets the program use setuid ones, as gocryptfs does to mount.

        Raises:
            EngineMissing: The program is not there or cannot be executed.
        """
        program = shutil.which(argv[0]) if argv else None
        if program is None:
            raise EngineMissing(program=argv[0] if argv else "")
        bound = () if may_gain_privileges else ("--no-new-privs",)
        guard = (self._setpriv, "--pdeathsig", "KILL", *bound, "--")
        ooms = out_of_memory_kills()
        process = await asyncio.create_subprocess_exec(
            *guard,
            program,
            *argv[1:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            limit=_STREAM_LIMIT,
        )
        return KeptProcess(process, deque(maxlen=_KEPT_LINES), ooms)


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


def out_of_memory_kills(root: Path = Path("/")) -> int:
    """How many processes the kernel has killed for memory since boot (`/proc/vmstat`)."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def resident_bytes(pid: int, root: Path = Path("/")) -> int:
    """Memory that a process holds now, in bytes; 0 when it is gone."""
    with suppress(OSError, ValueError, IndexError):
        pages = (root / "proc" / str(pid) / "statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
