"""Looks at the machine once and returns frozen facts; nothing missing is ever an error."""

from pathlib import Path

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


def _collect(
    found: tuple[Accelerator, ...] | Unreadable,
    cards: list[Accelerator],
    unreadable: list[Unreadable],
) -> None:
    if isinstance(found, Unreadable):
        unreadable.append(found)
    else:
        cards.extend(found)
