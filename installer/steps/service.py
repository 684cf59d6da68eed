"""Step: the service, under systemd where it runs, else as a supervised background process."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.conversation import Conversation
from installer.errors import ServiceSilent
from installer.host import Command, Host
from installer.newborn import Newborn
from installer.places import Site

UNIT = """\
# Written by the WardBox installer; a re-run replaces it.
[Unit]
Description=WardBox, the trusted medical-AI box
Documentation=file://{checkout}/README.md
After=network.target
# A software medium and the state may be file systems of their own.
RequiresMountsFor={checkout} {state}

[Service]
Type=exec
Environment=WARDBOX_STATE={state}
ExecStart={checkout}/wardbox supervise
Restart=always
RestartSec=2
TimeoutStopSec=60
KillMode=mixed
LimitCORE=0
LimitMEMLOCK=16M
UMask=0077
NoNewPrivileges={no_new_privileges}
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy={wanted_by}
"""
ANSWER_WITHIN = 180.0


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
        if self.manner == "none":
            return False
        health = self.box.health()
        return health is None or (health == "locked" and self.newborn.passphrase is not None)

    def apply(self, host: Host) -> None:
        """Start it, wait for its answer, unlock it.

        Raises:
            ServiceSilent: no answer in time; the log says why.
        """
        if self._manner() == "systemd":
            self._systemd(host)
        else:
            host.run(Command(self._wardbox("supervise", "--detach"), environment=self._state()))
        host.perform("等待应答 wait for an answer", self._wait)
        if self.newborn.passphrase is not None:
            host.perform("解锁保险库 unlock the vault", self._unlock)

    def undo(self, host: Host) -> None:
        """Stop it and forget the unit."""
        unit = self._unit()
        if unit.exists():
            host.run(Command((*self._systemctl(), "disable", "--now", unit.name)))
            host.remove(unit)
            host.run(Command((*self._systemctl(), "daemon-reload")))
        elif self.site.python.exists():
            host.run(Command(self._wardbox("supervise", "--stop"), environment=self._state()))

    def _systemd(self, host: Host) -> None:
        unit = self._unit()
        root = os.geteuid() == 0
        host.write(
            unit,
            UNIT.format(
                checkout=self.site.checkout,
                state=self.site.state,
                # An ordinary user mounts through the setuid fusermount3, which this would forbid.
                no_new_privileges="yes" if root else "no",
                wanted_by="multi-user.target" if root else "default.target",
            ),
        )
        host.run(Command((*self._systemctl(), "daemon-reload")))
        host.run(Command((*self._systemctl(), "enable", "--now", unit.name)))

    def _wait(self) -> None:
        end = self.clock() + ANSWER_WITHIN
        while self.box.health() is None:
            if self.clock() > end:
                raise ServiceSilent(
                    seconds=int(ANSWER_WITHIN),
                    reason=self.box.last_reason,
                    log=self.site.state / "logs",
                )
            self.pause(0.2)

    def _unlock(self) -> None:
        if self.newborn.passphrase is not None:
            self.box.unlock(self.newborn.passphrase)

    def _manner(self) -> str:
        if self.manner == "auto":
            return "systemd" if Path("/run/systemd/system").is_dir() else "background"
        return self.manner

    def _unit(self) -> Path:
        if os.geteuid() == 0:
            return Path("/etc/systemd/system/wardbox.service")
        return Path("~/.config/systemd/user/wardbox.service").expanduser()

    def _systemctl(self) -> tuple[str, ...]:
        return ("systemctl",) if os.geteuid() == 0 else ("systemctl", "--user")

    def _wardbox(self, *words: str) -> tuple[str, ...]:
        return (str(self.site.checkout / "wardbox"), *words)

    def _state(self) -> dict[str, str]:
        return {"WARDBOX_STATE": str(self.site.state)}
