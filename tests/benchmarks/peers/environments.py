"""Environments of the peers: made on demand from exact pins, kept in the cache beside the engines'."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).parent
_LIMIT_S = 1200


class Unavailable(Exception):
    """A peer cannot be measured here; the sentence says why."""


def version(name: str) -> str:
    """The peer's own pinned version."""
    lines = (PINS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{name}=="))


def environment(name: str) -> Path:
    """Where the peer's environment lies: a change of its pins or of the interpreter makes a new one."""
    interpreter = f"{sys.version_info.major}.{sys.version_info.minor}".encode()
    digest = hashlib.sha256(interpreter + (PINS / f"{name}.txt").read_bytes()).hexdigest()[:12]
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "wardbox" / "peers" / f"{name}-{digest}"


def ready(name: str) -> Path:
    """The peer's environment, made if it is not there; an interrupted one is completed.

    Raises:
        Unavailable: It is not there and could not be made (no registry, no disk).
    """
    folder = environment(name)
    if not (folder / "complete").exists():
        print(f"  {name} {version(name)}: its environment is made (some hundred MB)", flush=True)
        run(
            f"installing {name} from a package registry",
            [sys.executable, "-m", "venv", str(folder)],
        )
        words = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--retries=1", "--quiet"]
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", *words]
        run(f"installing {name} from a package registry", [*pip, "-r", str(PINS / f"{name}.txt")])
        (folder / "complete").write_text("complete\n")
    return folder


def run(what: str, argv: list[str]) -> None:
    """Runs a program to its end.

    Raises:
        Unavailable: It could not be started, failed, or took longer than 20 minutes.
    """
    try:
        ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what} failed: {error}") from None
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip().splitlines()
        told = [line for line in said if "error" in line.lower()] or said
        raise Unavailable(f"{what} failed: {told[-1] if told else 'it gave no reason'}")
