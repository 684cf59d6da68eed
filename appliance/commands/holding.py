"""Standing still for a change of the software: the box is down, its key stays in the supervisor.

The installer writes what it wants into `hold.json` beside the releases and sends SIGHUP. The
supervisor lets `wardbox serve` drain and end, runs the programs that were asked for with the key of
the vault, tells how they ended, and waits. Once the hold is taken away, or whoever asked for it has
died, it becomes the supervisor of the release that `current` leads to.
"""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.commands.pid_lock import locked
from appliance.updates.trial import HOLD, LOCK, on_trial

HELD: Final = "held.json"
_WORDS: Final = frozenset(("snapshot", "rehearse", "reread"))
_NONCE: Final = re.compile(r"[0-9a-f]{16}")
_MAX_BYTES: Final = 16_384
_MAX_STEPS: Final = 4
_LONGEST_S: Final = 7200.0
_POLL_S: Final = 0.05
_DOOR_POLL_S: Final = 0.2
OVERDUE: Final = 124
"""Status of a program that was ended because it took too long (timeout(1))."""
NOT_STARTED: Final = 127
"""Status of a program that could not be started (sh(1))."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run while the box stands still.

    Attributes:
        release: Whose `wardbox trial` it is.
        word: "snapshot", "rehearse" or "reread".
        trial: The id of the trial.
        seconds: That it may take.
    """

    release: Path
    word: str
    trial: str
    seconds: float

    def argv(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return (str(self.release / "wardbox"), "trial", self.word, "--id", self.trial)


@dataclass(frozen=True, slots=True)
class Hold:
    """What the installer asks for: 16 hexadecimal digits of its own, and programs in order."""

    nonce: str
    steps: tuple[Step, ...]


def read_hold(place: Path) -> Hold | None:
    """The hold that is asked for now; None where nobody who lives asks for one.

    Only the superuser and the box's own user are listened to.
    """
    if not locked(place / LOCK):
        return None
    try:
        with (place / HOLD).open("rb") as stream:
            if os.fstat(stream.fileno()).st_uid not in {0, os.geteuid()}:
                return None
            data = json.loads(stream.read(_MAX_BYTES))
        steps = tuple(
            Step(Path(row["release"]), row["word"], row["trial"], float(row["seconds"]))
            for row in data["steps"]
        )
        hold = Hold(data["nonce"], steps)
        return hold if _sound(hold) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sound(hold: Hold) -> bool:
    """Whether every value is one that a hold may have; raises TypeError where one is no text."""
    return (
        _NONCE.fullmatch(hold.nonce) is not None
        and len(hold.steps) <= _MAX_STEPS
        and all(
            step.word in _WORDS
            and _NONCE.fullmatch(step.trial) is not None
            and step.release.is_absolute()
            and 0 < step.seconds <= _LONGEST_S
            for step in hold.steps
        )
    )


def stand_still(
    place: Path,
    run: Path,
    carry_out: Callable[[Step], int],
    asked_to_end: Callable[[], bool],
) -> None:
    """Do what the hold asks for and wait until it is taken away; nothing where there is none.

    Args:
        place: Where releases lie.
        run: The box's directory of sockets and process ids.
        carry_out: Runs one program; its exit status.
        asked_to_end: Whether the supervisor was asked to end meanwhile.
    """
    hold = read_hold(place)
    if hold is None:
        return
    statuses: list[int] = []
    for step in hold.steps:
        statuses.append(carry_out(step))
        if statuses[-1] != 0:
            break
    told = run / HELD
    _replace(told, json.dumps({"nonce": hold.nonce, "statuses": statuses}).encode())
    while not asked_to_end():
        now = read_hold(place)
        if now is None or now.nonce != hold.nonce:
            break
        time.sleep(_POLL_S)
    told.unlink(missing_ok=True)


def ended(pid: int, seconds: float, asked_to_end: Callable[[], bool]) -> int:
    """Wait for a child; its exit status, 128 and the signal, or `OVERDUE` when it had to be ended."""
    ends = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if asked_to_end() or time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return OVERDUE
        time.sleep(_POLL_S)


def become(program: Path, words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Go on as another release's launcher; returns only where that cannot be started."""
    with suppress(OSError):
        os.execve(program, (str(program), *words), dict(environ))  # noqa: S606  # argument list


async def open_door(
    place: Path, house: Path, stopping: asyncio.Event, serve: Callable[[], Awaitable[None]]
) -> None:
    """Serve the network, but not before the running release was found healthy.

    Whoever connects meanwhile waits in the backlog: what is asked of a release on trial would be
    lost with it. The local socket answers, for the people who look after the box.
    """
    while on_trial(place, house) and not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _DOOR_POLL_S)
    if not stopping.is_set():
        await serve()


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
