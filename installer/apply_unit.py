"""The systemd units that apply updates: one that works, one that watches for a request."""

from pathlib import Path

from installer.unit import word

NAME = "wardbox-apply"
_SERVICE = """\
# Written by the WardBox installer; a re-run replaces it.
[Unit]
Description=WardBox, changes of its software
Documentation=file://{page}
After=wardbox.service
RequiresMountsFor={checkout} {state}
# A request that cannot be carried out is not tried for ever. Past this the watching unit ends, too, until
# the next start of the machine: so it is more than a person asks for in ten minutes.
StartLimitIntervalSec=600
StartLimitBurst=15

[Service]
Type=exec
Environment={told}
ExecStart={launcher} apply-update
Restart=on-failure
RestartSec=10
# 1: refused or taken back, which is an answer.
RestartPreventExitStatus=1
UMask=0022
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy={wanted_by}
"""
_PATH = """\
# Written by the WardBox installer; a re-run replaces it.
[Unit]
Description=WardBox, requests to change its software

[Path]
PathExists={request}
Unit={name}.service

[Install]
WantedBy={wanted_by}
"""


def apply_units(folder: Path, checkout: Path, state: Path, *, root: bool) -> dict[Path, str]:
    """The two units and where they go.

    The one that works is started with the machine, too: a change that a power cut interrupted goes
    on, or is taken back, before anybody asks.

    Args:
        folder: where units of this user lie.
        checkout: where the software is; it hands over to the release that was last found healthy.
        state: the box's state directory.
        root: whether they are the system's own units, else those of an ordinary user.
    """
    wanted_by = "multi-user.target" if root else "default.target"
    service = _SERVICE.format(
        page=str(checkout / "docs/operate/updates.md").replace("%", "%%").replace(" ", "%%20"),
        checkout=word(str(checkout)),
        state=word(str(state)),
        told=word(f"WARDBOX_STATE={state}"),
        # systemd.service(5): only here a dollar sign would be taken for a variable.
        launcher=word(str(checkout / "wardbox")).replace("$", "$$"),
        wanted_by=wanted_by,
    )
    # systemd.path(5): the whole line is one path.
    request = str(state / "updates" / "request.json").replace("%", "%%")
    watching = _PATH.format(request=request, name=NAME, wanted_by=wanted_by)
    return {folder / f"{NAME}.service": service, folder / f"{NAME}.path": watching}
