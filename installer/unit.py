"""The systemd unit of a box: its text, and which box of this machine it starts."""

import os
from pathlib import Path
from urllib.parse import quote

_TEXT = """\
# Written by the WardBox installer; a re-run replaces it.
[Unit]
Description=WardBox, the trusted medical-AI box
Documentation=file://{page}
After=network.target
# A software medium and the state may be file systems of their own.
RequiresMountsFor={checkout} {state}

[Service]
Type=exec
Environment={told}
ExecStart={launcher} supervise
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
_LINGERING = Path("/var/lib/systemd/linger")


def unit_path() -> Path:
    """Where the unit of this user's box lies."""
    if os.geteuid() == 0:
        return Path("/etc/systemd/system/wardbox.service")
    return Path("~/.config/systemd/user/wardbox.service").expanduser()


def unit_text(checkout: Path, state: Path, *, root: bool) -> str:
    """The unit of a box.

    Args:
        checkout: where the software is.
        state: the box's state directory.
        root: whether it is the system's own unit, else one of an ordinary user.
    """
    launcher = word(str(checkout / "wardbox"))
    return _TEXT.format(
        page=quote(str(checkout / "README.md")).replace("%", "%%"),
        checkout=word(str(checkout)),
        state=word(str(state)),
        told=_told(state),
        # systemd.service(5): only here a dollar sign would be taken for a variable.
        launcher=launcher.replace("$", "$$"),
        # An ordinary user mounts through the setuid fusermount3, which this would forbid.
        no_new_privileges="yes" if root else "no",
        wanted_by="multi-user.target" if root else "default.target",
    )


def starts(unit: Path, state: Path) -> bool:
    """Whether a unit starts the box of this state directory."""
    return f"Environment={_told(state)}" in _lines(unit)


def started_box(unit: Path) -> str | None:
    """Which state directory a unit is for, as it stands there; None where there is no unit."""
    begin = "Environment="
    told = [line.removeprefix(begin) for line in _lines(unit) if line.startswith(begin)]
    return told[0].strip('"').removeprefix("WARDBOX_STATE=") if told else None


def lingers(user: str, root: Path = _LINGERING) -> bool:
    """Whether an ordinary user's services run without that user being signed in (loginctl(1))."""
    return (root / user).exists()


def _told(state: Path) -> str:
    return word(f"WARDBOX_STATE={state}")


def word(text: str) -> str:
    """One word as systemd.syntax(7) and systemd.unit(5) read it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(c in escaped for c in " \t'\"\\;") else escaped


def _lines(unit: Path) -> list[str]:
    try:
        return unit.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
