"""Looks at the machine and returns frozen facts; nothing missing is ever an error."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

from models.hardware.facts import Accelerator, Hardware, Unreadable
from models.hardware.host import read_cpu, read_memory
from models.hardware.nvidia import read_nvidia
from models.hardware.tools import ToolRunner
from models.hardware.vendors import VENDORS


def detect_hardware(root: Path = Path("/"), runner: ToolRunner | None = None) -> Hardware:
    """Reads processors, memory and accelerators.

    Args:
        root: Root of the file system to read `proc` and `sys` from.
        runner: Runs a vendor's tool and returns what it printed, None when it is not installed.
            Without a runner only what needs no program is read (NVIDIA through its library).

    Returns:
        The facts. A vendor whose tool is missing is simply not there; one whose tool fails or
        prints something unknown is listed under `unreadable`.
    """
    cards: list[Accelerator] = []
    unreadable: list[Unreadable] = []
    if root == Path("/"):
        _collect(read_nvidia(), cards, unreadable)
    if runner is not None:
        for vendor in VENDORS:
            _collect(vendor.read(runner), cards, unreadable)
    return Hardware(read_cpu(root), read_memory(root), tuple(cards), tuple(unreadable))


_FRESH_S: Final = 5.0


class HardwareWatch:
    """Looks again when the last look is older than some seconds; safe to ask from any thread.

    Several screens and the metrics ask at once, and a vendor's tool takes a second to answer.

    Args:
        runner: Runs a vendor's tool.
        clock: Seconds that never go back.
        look: Looks at the machine.
    """

    def __init__(
        self,
        runner: ToolRunner,
        clock: Callable[[], float],
        look: Callable[[Path, ToolRunner], Hardware] = detect_hardware,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._look = look
        self._lock = Lock()
        self._seen: tuple[float, Hardware] | None = None

    def __call__(self) -> Hardware:
        """The facts, at most five seconds old."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= _FRESH_S:
                found = self._look(Path("/"), self._runner)
                self._seen = (self._clock(), found)
            return self._seen[1]


def _collect(
    found: tuple[Accelerator, ...] | Unreadable,
    cards: list[Accelerator],
    unreadable: list[Unreadable],
) -> None:
    if isinstance(found, Unreadable):
        unreadable.append(found)
    else:
        cards.extend(found)
