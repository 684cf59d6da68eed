"""The running box as a change of its software sees it: held still, started, asked how it is."""

import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.commands.holding import HELD
from appliance.commands.pid_lock import holder
from appliance.commands.trial import REPORT
from appliance.settings.layout import StateLayout
from appliance.updates.log_forms import PLACE, coming, forms_at
from appliance.updates.trial import CURRENT, HOLD, VARIABLE
from installer.apply_errors import NotStill, RehearsalFailed, SnapshotFailed
from installer.apply_parts import Condition, Rehearsed
from installer.durable import read_file, replace_file
from installer.errors import CommandFailed
from installer.host import Command, Host
from installer.unit import starts, unit_path

LAUNCHER: Final = "wardbox"
_MAX_BYTES: Final = 65_536
_STILL_S: Final = 60.0
"""Requests drain for 20 s, and what is left is ended after 40 s."""
_COPY_S: Final = 1800.0
_REHEARSE_S: Final = 3600.0
_REREAD_S: Final = 600.0
_AGAIN_S: Final = 1.0
_GONE_S: Final = 10.0
"""A supervisor that becomes another release is away for a moment."""
_POLL_S: Final = 0.05
_TAKES_S: Final = 10.0
_HEALTH_S: Final = "300"
_TAIL: Final = 400
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Site:
    """Where one box is.

    Attributes:
        layout: Its state.
        place: Its releases.
        health: Asks the box for its own word: "ok", "locked", "starting", "degraded" or None.
        host: Starts programs that manage services.
    """

    layout: StateLayout
    place: Path
    health: Callable[[], str | None]
    host: Host


class RunningBox:
    """One box on this machine.

    Args:
        site: Where it is.
        monotonic: Seconds that no one can set.
        pause: Sleeps so many seconds.
    """

    def __init__(
        self,
        site: Site,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._site = site
        self._layout, self._place = site.layout, site.place
        self._monotonic = monotonic
        self._pause = pause
        self._held = self._layout.run / HELD

    def condition(self) -> Condition:
        """Ask the box for its health, and the current release to look at it closely."""
        word = self._site.health()
        if word is None:
            return Condition("silent", "没有应答 nobody answers")
        if word == "locked":
            return Condition("locked", "保险库已锁定 the vault is locked")
        status, said = self._asked(("update", "health"))
        return Condition("well") if status == 0 else Condition("unwell", said)

    def rehearse(self, trial: str, old: Path, new: Path) -> Rehearsed:
        """Stand still, copy the database by the old release, try the new one on a copy.

        Raises:
            NotStill: it goes on answering, or nobody supervises it.
            SnapshotFailed, RehearsalFailed: as it says.
        """
        steps = [(old, "snapshot", _COPY_S), (new, "rehearse", _REHEARSE_S)]
        if _widens_log(old, new):
            # The log stays as the new release makes it: the old one must go on with it, and again.
            steps += [(old, "reread", _REREAD_S), (new, "reread", _REREAD_S)]
        statuses = self._hold(
            *(
                {"release": str(release), "word": word, "trial": trial, "seconds": seconds}
                for release, word, seconds in steps
            )
        )
        report = self._report(trial)
        if not statuses or statuses[0] != 0:
            raise SnapshotFailed(**_why(statuses[:1], report))
        if statuses[1:] != [0] * (len(steps) - 1):
            raise RehearsalFailed(**_why(statuses[1:], report))
        return _rehearsed(report)

    def stand_still(self) -> None:
        """Stand still; a supervisor that does not follow is ended, and its key with it."""
        if not holder(self._layout.supervise_pid):
            return
        try:
            self._hold()
        except NotStill:
            self._signal(signal.SIGKILL)

    def let_go(self) -> None:
        """Take the hold away, where there is one."""
        (self._place / HOLD).unlink(missing_ok=True)
        self._wait(lambda: not self._held.exists(), _TAKES_S)

    def go_on(self) -> None:
        """Take the hold away; where nobody supervises the box, start it."""
        self.let_go()
        if self._wait(lambda: holder(self._layout.supervise_pid) != 0, _TAKES_S / 5):
            return
        self._held.unlink(missing_ok=True)
        unit = unit_path()
        if starts(unit, self._layout.root):
            control = ("systemctl",) if os.geteuid() == 0 else ("systemctl", "--user")
            with suppress(CommandFailed):
                self._site.host.run(Command((*control, "reset-failed", unit.name)))
            self._site.host.run(Command((*control, "start", unit.name)))
            return
        launcher = str(self._place / CURRENT / LAUNCHER)
        self._site.host.run(Command((launcher, "supervise", "--detach"), environment=self._told()))

    def forget_snapshot(self, trial: str) -> None:
        """Remove the copy of the database, where it can be reached."""
        with suppress(OSError):
            for path in self._layout.trial.glob(f"{trial}*"):
                path.unlink(missing_ok=True)

    def database_size(self) -> int:
        """Bytes of its database; 0 where it cannot be seen."""
        try:
            return self._layout.box_db.stat().st_size
        except OSError:
            return 0

    def _hold(self, *steps: Mapping[str, Any]) -> list[int]:
        """Ask the supervisor to stand still and to run programs; how they ended."""
        nonce = secrets.token_hex(8)
        content = json.dumps({"nonce": nonce, "steps": steps}).encode()
        replace_file(self._place / HOLD, content)
        patience = _STILL_S + sum(float(step["seconds"]) for step in steps)
        until = self._monotonic() + patience
        seen = self._monotonic()
        while self._monotonic() < until and self._monotonic() < seen + _GONE_S:
            if self._signal(signal.SIGHUP):
                seen = self._monotonic()
            statuses: list[list[int]] = []

            def told(found: list[list[int]] = statuses) -> bool:
                answer = self._held_answer(nonce)
                if answer is not None:
                    found.append(answer)
                return answer is not None

            if self._wait(told, _AGAIN_S):
                return statuses[0]
        (self._place / HOLD).unlink(missing_ok=True)
        raise NotStill(seconds=int(patience))

    def _held_answer(self, nonce: str) -> list[int] | None:
        try:
            raw = read_file(self._held, _MAX_BYTES)
            data = json.loads(raw or b"null")
            if data is None or data["nonce"] != nonce:
                return None
            return [int(one) for one in data["statuses"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _report(self, trial: str) -> dict[str, Any]:
        """What the last of the programs left; the box's word, so no more than a text."""
        try:
            data = json.loads(read_file(self._layout.run / REPORT, _MAX_BYTES) or b"{}")
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) and data.get("trial") == trial else {}

    def _signal(self, number: int) -> bool:
        """Signal the supervisor, if the process of that number is the box's own; whether it was."""
        pid = holder(self._layout.supervise_pid)
        try:
            if pid and Path(f"/proc/{pid}").stat().st_uid == self._layout.root.stat().st_uid:
                os.kill(pid, number)
                return True
        except OSError:
            return False
        return False

    def _asked(self, words: Sequence[str]) -> tuple[int, str]:
        """Run a command of the current release as the box's own user; its status and last words."""
        owner = self._layout.root.stat()
        before: tuple[str, ...] = ("timeout", _HEALTH_S)
        if os.geteuid() == 0 and owner.st_uid != 0:
            ids = (f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups")
            before = (*before, "setpriv", *ids, "--")
        argv = (*before, str(self._place / CURRENT / LAUNCHER), *words)
        try:
            self._site.host.run(Command(argv, environment=self._told()))
        except CommandFailed as error:
            return int(str(error.facts["status"])), str(error.facts["tail"]).strip()[-_TAIL:]
        return 0, ""

    def _told(self) -> dict[str, str]:
        return {"WARDBOX_STATE": str(self._layout.root), VARIABLE: str(self._place)}

    def _wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        until = self._monotonic() + seconds
        while not holds():
            if self._monotonic() > until:
                return False
            self._pause(_POLL_S)
        return True


def _widens_log(old: Path, new: Path) -> bool:
    """Whether a release says that it brings steps to the log of the one before."""
    before, after = forms_at(old / PLACE), forms_at(new / PLACE)
    return before is not None and after is not None and bool(coming(before, after))


def _rehearsed(report: Mapping[str, Any]) -> Rehearsed:
    if report.get("log") and "events" not in report:
        # It did not say so beforehand, and nobody asked the old one to go on with its log.
        steps = ", ".join(map(str, report["log"]))[:_TAIL]
        raise RehearsalFailed(
            zh=f"它改变审计日志却未事先说明({steps})",
            en=f"it changes the audit log and had not said so ({steps})",
        )
    try:
        migrations = tuple(str(one)[:200] for one in report["migrations"][:1000])
        return Rehearsed(str(report["version"]), migrations)
    except (KeyError, TypeError) as error:
        raise RehearsalFailed(zh="没有报告", en="it left no report") from error


def _why(statuses: Sequence[int], report: Mapping[str, Any]) -> dict[str, str]:
    """What a program left to be told, in both languages; else how it ended."""
    if report.get("zh") and report.get("en"):
        return {"zh": str(report["zh"])[:_LONGEST], "en": str(report["en"])[:_LONGEST]}
    where = "logs/supervise.log"
    return {
        "zh": f"退出码 {list(statuses)},见 {where}",
        "en": f"exit status {list(statuses)}, see {where}",
    }
