"""Speaks to the emulator itself, as who has the rack's key does: larger disks, pulled plugs."""

import json
import socket
from pathlib import Path
from typing import Any

_ANSWER_S = 30.0


class MonitorRefusedError(Exception):
    """The emulator does not do it."""


class Monitor:
    """The emulator's QMP socket; each wish is a conversation of its own.

    Args:
        path: the socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def enlarge(self, number: int, size: int) -> None:
        """Make a disk larger while the machine runs.

        Args:
            number: of the disk, 0 for the system's.
            size: bytes that it shall have.
        """
        self._ask("block_resize", {"device": f"virtio{number}", "size": size})

    def cut_power(self) -> None:
        """End the machine this moment, as a pulled plug does: what it had not written is lost."""
        self._ask("quit", {})

    def _ask(self, what: str, arguments: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_ANSWER_S)
            line.connect(str(self._path))
            with line.makefile("rwb") as stream:
                wishes: tuple[tuple[str, dict[str, Any]], ...] = (
                    ("qmp_capabilities", {}),
                    (what, arguments),
                )
                for word, told in wishes:
                    wish = {"execute": word, "arguments": told}
                    stream.write(json.dumps(wish).encode() + b"\n")
                    stream.flush()
                    answer = _answer(stream)
                    if "error" in answer:
                        raise MonitorRefusedError(f"{word}: {answer['error'].get('desc')}")


def _answer(stream: Any) -> dict[str, Any]:
    """The next line that answers; greetings and events are passed over."""
    while line := stream.readline():
        told = json.loads(line)
        if "return" in told or "error" in told:
            return dict(told)
    raise MonitorRefusedError("the line to the emulator was closed")
