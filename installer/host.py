"""The machine under installation: the only door through which the installer changes anything."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from installer.errors import CommandFailed, ProgramMissing

TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run: an argument list, never a shell line."""

    argv: tuple[str, ...]
    directory: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[str], None] | None = None


class Host(Protocol):
    """What a step may do to the machine. Reading needs no host: steps look for themselves."""

    log: Path

    def run(self, command: Command) -> None:
        """Run a program to its end; raises CommandFailed or ProgramMissing."""

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Replace a file atomically and durably."""

    def make_directory(self, path: Path, mode: int = 0o755) -> None:
        """Make a directory and its parents."""

    def link(self, path: Path, target: Path) -> None:
        """Point the symbolic link `path` at `target`, replacing an older link atomically."""

    def remove(self, path: Path) -> None:
        """Remove a file, a link or a whole directory; absent is fine."""

    def perform(self, what: str, action: Callable[[], None]) -> None:
        """Do something that only Python code of the box can do; `what` describes it."""

    def say(self, line: str) -> None:
        """Show progress to the person at the screen."""


class Machine:
    """The real host."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self.log = log
        self._say = say

    def run(self, command: Command) -> None:
        """Run a program, its output going to the log and line by line to `command.progress`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        tail: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command.argv)}\n")
            try:
                process = subprocess.Popen(
                    command.argv,
                    cwd=command.directory,
                    env={**environment(), **command.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            except FileNotFoundError:
                raise ProgramMissing(program=command.argv[0]) from None
            with process:
                for line in process.stdout or ():
                    log.write(line)
                    tail = [*tail[-TAIL_LINES:], line]
                    if command.progress is not None:
                        command.progress(line.rstrip())
        if process.returncode != 0:
            raise CommandFailed(
                status=process.returncode,
                command=" ".join(command.argv[:4]),
                tail="".join(tail),
                log=self.log,
            )

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Replace a file atomically and durably."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(path)

    def make_directory(self, path: Path, mode: int = 0o755) -> None:
        """Make a directory and its parents."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)

    def link(self, path: Path, target: Path) -> None:
        """Point the symbolic link at the target with one rename."""
        fresh = path.with_name(f".{path.name}.fresh")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)

    def remove(self, path: Path) -> None:
        """Remove a file, a link or a whole directory; absent is fine."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def perform(self, what: str, action: Callable[[], None]) -> None:
        """Do it, and leave a line in the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"# {what}\n")
        action()

    def say(self, line: str) -> None:
        """Show progress to the person at the screen."""
        self._say(line)


class Rehearsal:
    """A host that changes nothing and tells what a real one would do."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.log = Path(os.devnull)
        self._say = say

    def run(self, command: Command) -> None:
        """Tell the command."""
        self._tell("运行 run", " ".join(command.argv))

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Tell the file."""
        self._tell("写入 write", f"{path} ({len(content.encode())} bytes, mode {mode:o})")

    def make_directory(self, path: Path, mode: int = 0o755) -> None:
        """Tell the directory."""
        self._tell("建目录 make directory", f"{path} (mode {mode:o})")

    def link(self, path: Path, target: Path) -> None:
        """Tell the link."""
        self._tell("建链接 link", f"{path} -> {target}")

    def remove(self, path: Path) -> None:
        """Tell the removal."""
        self._tell("删除 remove", str(path))

    def perform(self, what: str, action: Callable[[], None]) -> None:
        """Tell what would be done; `action` stays undone."""
        del action
        self._tell("执行 perform", what)

    def say(self, line: str) -> None:
        """Show the line as it is."""
        self._say(line)

    def _tell(self, verb: str, what: str) -> None:
        self._say(f"      {verb}: {what}")


def environment() -> Mapping[str, str]:
    """The environment of this process: a program we start gets the caller's proxy and locale.

    What install.sh forbids itself stays here: a box that may not keep its compiled modules compiles
    five hundred of them at every start.
    """
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def replace_process(argv: Sequence[str]) -> None:
    """Go on as another program; returns never."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], list(argv))  # noqa: S606  argument list, no shell
