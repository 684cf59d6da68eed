"""Step: the service, under systemd where it runs, else as a supervised background process."""

import getpass
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.apply_unit import apply_units
from installer.conversation import Conversation
from installer.errors import ServiceSilent
from installer.host import Command, Host
from installer.newborn import Newborn
from installer.places import Site
from installer.unit import lingers, starts, unit_path, unit_text

ANSWER_WITHIN = 600.0
"""An emulated processor on a busy computer was seen to take over three minutes."""
_TELL_EVERY = 30.0
_ENDS_WITH_SESSION = (
    "退出登录后服务会停止,开机也不会自动启动;请运行"
    " The service ends when this user signs out, and is not started with the machine, until you run:"
)


@dataclass(frozen=True, slots=True)
class Service:
    """Starts the box and, when this run made its vault, unlocks it."""

    site: Site
    manner: str
    newborn: Newborn
    box: Conversation
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    name = "service"

    @property
    def title(self) -> str:
        """The step's title, with the manner of starting."""
        return f"启动服务 start the service ({self._manner()})"

    def needed(self) -> bool:
        """True while nobody answers, or while the vault that this run made is locked."""
        newborn = self.newborn.passphrase is not None
        if self.manner == "none" and not newborn:
            return False
        health = self.box.health()
        return health is None or (health == "locked" and newborn)

    def apply(self, host: Host) -> None:
        """Start it, wait for its answer, unlock it.

        Raises:
            ServiceSilent: no answer in time; the log says why.
        """
        if self._manner() == "systemd":
            self._systemd(host)
        else:
            host.run(Command(self._wardbox("supervise", "--detach"), environment=self._state()))
        host.perform("等待应答 wait for an answer", lambda: self._wait(host))
        if self.newborn.passphrase is not None:
            host.perform("解锁保险库 unlock the vault", self._unlock)

    def rest(self, host: Host) -> None:
        """Stop what was started only to make the box: somebody else shall start it."""
        if self.manner == "none" and self.site.python.exists():
            host.run(Command(self._wardbox("supervise", "--stop"), environment=self._state()))

    def undo(self, host: Host) -> None:
        """Stop it and forget the unit, if it is this box's and not another one's."""
        unit = unit_path()
        if starts(unit, self.site.state):
            others = apply_units(
                unit.parent, self.site.checkout, self.site.state, root=os.geteuid() == 0
            )
            for path in (*reversed(tuple(others)), unit):
                if path.exists():
                    host.run(Command((*self._systemctl(), "disable", "--now", path.name)))
                    host.remove(path)
            host.run(Command((*self._systemctl(), "daemon-reload")))
        elif self.site.python.exists():
            host.run(Command(self._wardbox("supervise", "--stop"), environment=self._state()))

    def _systemd(self, host: Host) -> None:
        unit = unit_path()
        root = os.geteuid() == 0
        host.write(unit, unit_text(self.site.checkout, self.site.state, root=root))
        others = apply_units(unit.parent, self.site.checkout, self.site.state, root=root)
        for path, text in others.items():
            host.write(path, text)
        host.run(Command((*self._systemctl(), "daemon-reload")))
        host.run(Command((*self._systemctl(), "enable", "--now", unit.name)))
        for path in others:
            # The one that works has nothing to do yet; the one that watches begins at once.
            now = ("--now",) if path.suffix == ".path" else ()
            host.run(Command((*self._systemctl(), "enable", *now, path.name)))
        user = getpass.getuser()
        if not root and not lingers(user):
            host.say(f"      {_ENDS_WITH_SESSION} sudo loginctl enable-linger {user}")

    def _wait(self, host: Host) -> None:
        began = told = self.clock()
        while self.box.health() is None:
            now = self.clock()
            if now - began > ANSWER_WITHIN:
                raise ServiceSilent(
                    seconds=int(ANSWER_WITHIN),
                    reason=self.box.last_reason,
                    log=self.site.state / "logs",
                )
            if now - told > _TELL_EVERY:
                told = now
                seconds = f"{now - began:.0f} s"
                host.say(f"      已等待 waiting for {seconds},日志 log: {self.site.state / 'logs'}")
            self.pause(0.2)

    def _unlock(self) -> None:
        if self.newborn.passphrase is not None:
            self.box.unlock(self.newborn.passphrase)

    def _manner(self) -> str:
        if self.manner == "auto":
            return "systemd" if Path("/run/systemd/system").is_dir() else "background"
        return self.manner

    def _systemctl(self) -> tuple[str, ...]:
        return ("systemctl",) if os.geteuid() == 0 else ("systemctl", "--user")

    def _wardbox(self, *words: str) -> tuple[str, ...]:
        return (str(self.site.checkout / "wardbox"), *words)

    def _state(self) -> dict[str, str]:
        return {"WARDBOX_STATE": str(self.site.state)}
