"""A real box for a soak: installed into a folder of its own, watched from outside, taken away again."""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
_ROLES = {
    "llama-server": "engine",
    "appliance.audit.writing": "audit writer",
    "gocryptfs": "encrypted files",
    "supervise": "supervise",
    "serve": "serve",
}


@dataclass(frozen=True, slots=True)
class SoakBox:
    """An installed box: its state directory and the port of its TLS door."""

    state: Path
    port: int

    @property
    def socket(self) -> Path:
        """The Unix socket, for administration."""
        return self.state / "run/wardbox.sock"

    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe the box."""
        return ssl.create_default_context(cafile=str(self.state / "trust/ca.pem"))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `wardbox WORDS` on this box."""
        return subprocess.run(
            [ROOT / "wardbox", *words],
            env={**os.environ, "WARDBOX_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
        )

    def processes(self) -> list[tuple[str, psutil.Process]]:
        """Every process of the box with its role."""
        with suppress(psutil.Error, OSError, ValueError):
            top = psutil.Process(int((self.state / "run/supervise.pid").read_text()))
            return [(role_of(one), one) for one in (top, *top.children(recursive=True))]
        return []

    def of_role(self, role: str) -> list[psutil.Process]:
        """The processes of one role that are alive."""
        return [
            one
            for name, one in self.processes()
            if name == role and one.is_running() and one.status() != psutil.STATUS_ZOMBIE
        ]

    def faults(self) -> list[str]:
        """What the box's log tells of its own faults."""
        with (self.state / "logs/wardbox.log").open(encoding="utf-8") as lines:
            return [line.strip()[:2000] for line in lines if _is_fault(line)]


def _is_fault(line: str) -> bool:
    with suppress(ValueError):
        return json.loads(line)["level"] in {"error", "critical"}
    return "Traceback" in line


def role_of(process: psutil.Process) -> str:
    """What a process of the box is there for."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return "zombie"
        words = process.cmdline()
    except psutil.Error:
        return "gone"
    for mark, role in _ROLES.items():
        if any(word == mark or Path(word).name == mark for word in words[:4]):
            return role
    return Path(words[0]).name if words else "other"


@contextmanager
def installed(folder: Path) -> Iterator[SoakBox]:
    """Install a box by the installer itself; take it away in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answers, state = folder / "answers.toml", folder / "state"
    wanted = {"port": port, "address": "127.0.0.1", "service": "background", "hospital": "测试医院"}
    wanted["secrets_file"] = "secrets.txt"
    answers.write_text(
        "".join(
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in wanted.items()
        ),
        encoding="utf-8",
    )
    said = subprocess.run(
        [ROOT / "install.sh", "--state", state, "--answers", answers],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        sys.exit(f"the box could not be installed:\n{said.stdout[-2000:]}{said.stderr[-2000:]}")
    try:
        yield SoakBox(state, port)
    finally:
        subprocess.run(
            [ROOT / "install.sh", "--state", state, "--uninstall", "--yes"],
            stdout=subprocess.DEVNULL,
            check=False,
        )
