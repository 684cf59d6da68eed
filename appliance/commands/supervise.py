"""`wardbox supervise`: keeps `wardbox serve` alive, and its root key over a crash (not over a reboot).

The supervisor stays small: it imports no server, waits in `waitpid`, and owns one anonymous memory
file that its child writes the root key to when a person unlocks the vault.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.commands.errors import StopTimedOut, SupervisorRunning
from appliance.commands.holding import NOT_STARTED, Step, become, ended, stand_still
from appliance.commands.pid_lock import holder, only_one
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout, state_directory
from appliance.updates.trial import CURRENT, on_trial, place_of
from models.engines.tied import tied

BAD_CONFIGURATION: Final = 78
_POOLS: Final = "2"
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
_CHILD_STOP_S: Final = 40.0
_STOP_WAIT_S: Final = 60.0
_POLL_S: Final = 0.1
_HOUSE: Final = Path(__file__).resolve().parents[2]
_LAUNCHER: Final = "wardbox"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `supervise` to the command line."""
    parser = commands.add_parser("supervise", help="守护运行一体机 keep the box running")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--detach", action="store_true", help="转入后台 go to the background")
    what.add_argument("--stop", action="store_true", help="停止 stop it")
    what.add_argument("--status", action="store_true", help="查看 tell whether it runs")


def run(args: argparse.Namespace) -> int:
    """Supervise, stop or tell.

    Returns:
        0 done (or running, for --status), 1 refused, 3 not running (for --status).
    """
    layout = StateLayout(state_directory(args.environ))
    layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if args.status:
            return _status(layout)
        if args.stop:
            return _stop(layout)
        place = place_of(layout, args.environ)
        _begin_as_current(place, ("--detach",) if args.detach else (), args.environ)
        if args.detach and not _detach(layout):
            return 0
        with only_one(layout.supervise_pid):
            return Supervisor(layout, args.environ).run()
    except ApplianceError as error:
        print(f"{error.sentence}\n{error.way_out}", file=sys.stderr)
        return 1


class Supervisor:
    """Starts `wardbox serve` again whenever it ends without being asked to."""

    def __init__(self, layout: StateLayout, environ: Mapping[str, str]) -> None:
        from appliance.vault.handover import VARIABLE, KeyHandover  # noqa: PLC0415  # light --stop
        from secure_compute.guard import guard  # noqa: PLC0415

        guard()
        # The supervisor of the release before hands it on; a first one makes it.
        self._key = KeyHandover.inherited(environ) or KeyHandover.create()
        os.set_inheritable(self._key.descriptor, True)
        self._layout = layout
        self._place = place_of(layout, environ)
        self._environ = {
            "PYTHONPATH": str(_HOUSE),
            # glibc gives each thread a pool of its own; what a pool once held, it keeps.
            "MALLOC_ARENA_MAX": _POOLS,
            **environ,
            "WARDBOX_STATE": str(layout.root),
            VARIABLE: str(self._key.descriptor),
        }
        self._child = 0
        self._asked = False
        self._renewing = False

    def run(self) -> int:
        """Keep the box running until SIGTERM or SIGINT; the status of its last end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_renewal)
        pause, status = _FIRST_PAUSE_S, 0
        while not self._asked:
            if self._renewing:
                self._renew()
            began = time.monotonic()
            status = self._live()
            if self._renewing:
                continue
            if self._is_over(status):
                break
            steady = time.monotonic() - began > _STEADY_S
            pause = _FIRST_PAUSE_S if steady else pause
            print(f"wardbox serve: exit {status}, again in {pause:.1f} s", file=sys.stderr)
            self._rest(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        self._key.wipe()
        return status if status == BAD_CONFIGURATION else 0

    def _is_over(self, status: int) -> bool:
        # What a release on trial makes of the settings is no reason to give the key away.
        bad = status == BAD_CONFIGURATION and not on_trial(self._place, _HOUSE)
        return self._asked or bad

    def _renew(self) -> None:
        """Stand still while somebody asks for it, then become the release that is the current one."""
        stand_still(self._place, self._layout.run, self._carry_out, lambda: self._asked)
        program = self._place / CURRENT / _LAUNCHER
        if program.exists() and not self._asked and not getattr(sys, "frozen", False):
            # A signal that comes before the next one listens must not end it.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            become(program, ("supervise",), self._environ)
            signal.signal(signal.SIGHUP, self._on_renewal)
        self._renewing = False

    def _carry_out(self, step: Step) -> int:
        try:
            child = _start(step.argv(), self._environ)
        except OSError as error:
            print(f"{step.release}: {error.strerror}", file=sys.stderr)
            return NOT_STARTED
        return ended(child, step.seconds, lambda: self._asked)

    def _live(self) -> int:
        """Start the child and wait for its end; its exit status, or 128 and the signal."""
        self._child = _spawn(self._environ)
        if self._asked or self._renewing:
            os.kill(self._child, signal.SIGTERM)
        _, status = os.waitpid(self._child, 0)
        self._child = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def _rest(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not (self._asked or self._renewing) and time.monotonic() < ends:
            time.sleep(_POLL_S)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._asked = True
        self._end_child()

    def _on_renewal(self, _number: int, _frame: object) -> None:
        if not (self._renewing or self._asked):
            self._renewing = True
            self._end_child()

    def _end_child(self) -> None:
        if self._child:
            os.kill(self._child, signal.SIGTERM)
            signal.signal(signal.SIGALRM, self._on_alarm)
            signal.setitimer(signal.ITIMER_REAL, _CHILD_STOP_S)

    def _on_alarm(self, _number: int, _frame: object) -> None:
        if self._child:
            os.kill(self._child, signal.SIGKILL)


def _spawn(environ: Mapping[str, str]) -> int:
    """Start `wardbox serve`; the kernel ends it when the supervisor ends, which may be at once.

    `posix_spawn` and not the keeper of models.engines: the key's descriptor must be handed down.
    """
    frozen = getattr(sys, "frozen", False)
    serve = (sys.executable, *(() if frozen else ("-m", "appliance")), "serve")
    return _start(serve, environ)


def _start(program: tuple[str, ...], environ: Mapping[str, str]) -> int:
    setpriv = shutil.which("setpriv")
    argv = program if setpriv is None else (*tied(setpriv, os.getpid()), *program)
    return os.posix_spawn(argv[0], argv, dict(environ))


def _begin_as_current(place: Path, words: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Whichever release is asked to run the box, the current one does it."""
    program = place / CURRENT / _LAUNCHER
    if (
        program.exists()
        and program.resolve().parent != _HOUSE
        and not getattr(sys, "frozen", False)
    ):
        become(program, ("supervise", *words), environ)


def _status(layout: StateLayout) -> int:
    pid = holder(layout.supervise_pid)
    if not pid:
        print("守护进程未运行。 The supervisor is not running.")
        return 3
    print(f"守护进程正在运行(进程 {pid})。 The supervisor is running (process {pid}).")
    return 0


def _stop(layout: StateLayout) -> int:
    pid = holder(layout.supervise_pid)
    if not pid:
        print("守护进程未运行。 The supervisor is not running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    ends = time.monotonic() + _STOP_WAIT_S
    while holder(layout.supervise_pid):
        if time.monotonic() > ends:
            raise StopTimedOut(pid=pid, seconds=int(_STOP_WAIT_S))
        time.sleep(_POLL_S)
    print("已停止。 Stopped.")
    return 0


def _detach(layout: StateLayout) -> bool:
    """Become a daemon (fork, setsid, fork); True in the daemon, False in whoever started it."""
    pid = holder(layout.supervise_pid)
    if pid:
        raise SupervisorRunning(pid=pid)
    layout.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = layout.logs / "supervise.log"
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        _await_holder(layout.supervise_pid)
        print(f"已在后台启动,日志 {log}。 Started in the background, log: {log}.")
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)
    nothing = os.open(os.devnull, os.O_RDONLY)
    writing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (writing, 1), (writing, 2)):
        os.dup2(source, target)
    return True


def _await_holder(path: Path) -> None:
    ends = time.monotonic() + _FIRST_PAUSE_S * 50
    while not holder(path) and time.monotonic() < ends:
        time.sleep(_POLL_S / 5)
