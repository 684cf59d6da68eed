"""How a vendor's command-line tool is asked, and how its figures become an accelerator."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from models.hardware.datasheets import known_bandwidth
from models.hardware.facts import Accelerator

ToolRunner = Callable[[Sequence[str]], str | None]
"""Runs argv and returns its output; None when the program is not installed."""

MEBIBYTE: Final = 1 << 20
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
# More than any card has, in MiB: beyond it a figure is a mistake of the tool or of its parser.
_MOST_MIB: Final = 1 << 24
_MOST_CARDS: Final = 256
_NAME: Final = 64


class OutputUnknown(ValueError):
    """A tool printed something that its parser does not know."""


def first_number(text: str) -> float | None:
    """The first number in a text, or None ("N/A", "NA", "-")."""
    found = _NUMBER.search(text)
    return float(found.group()) if found else None


def cells(line: str) -> list[str]:
    """The cells of one row of a table drawn with "|"."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tool says of one card; memory in MiB, None where it says "N/A".

    Attributes:
        index: Number by which engines call it.
        name: Product name.
        total: Memory in all.
        used: Memory that is in use.
        busy: Share of time busy, in percent.
        heat: Degrees Celsius.
        power: Watts.
        well: Whether its tool calls it usable.
    """

    index: int
    name: str
    total: float | None
    used: float | None
    busy: float | None = None
    heat: float | None = None
    power: float | None = None
    well: bool = True


def accelerators(vendor: str, tool: str, found: Sequence[Reading]) -> tuple[Accelerator, ...]:
    """Turns readings into facts, by index.

    A card that is broken, or whose memory the tool does not know, is listed with no free memory:
    it is seen, and nothing is ever planned on it.

    Raises:
        OutputUnknown: There is no card, there are too many, or two have the same number.
    """
    if not found:
        raise OutputUnknown(f"{tool} printed no card that this parser knows")
    indices = {reading.index for reading in found}
    if len(found) > _MOST_CARDS or len(indices) < len(found):
        raise OutputUnknown(f"{tool} printed {len(found)} cards with {len(indices)} numbers")
    ordered = sorted(found, key=lambda reading: reading.index)
    return tuple(_accelerator(vendor, reading) for reading in ordered)


def _accelerator(vendor: str, reading: Reading) -> Accelerator:
    total = reading.total or 0.0
    if not 0 <= total <= _MOST_MIB:
        raise OutputUnknown(f"{total:g} MiB of memory on card {reading.index}")
    known = reading.used is not None and reading.well
    free = max(0.0, total - max(0.0, reading.used or 0.0)) if known else 0.0
    name = "".join(c for c in reading.name if c.isprintable())[:_NAME]
    return Accelerator(
        vendor=vendor,
        index=reading.index,
        name=name,
        memory_bytes=round(total * MEBIBYTE),
        memory_free_bytes=round(free * MEBIBYTE),
        bandwidth_bytes_s=known_bandwidth(name),
        utilisation=None if reading.busy is None else min(1.0, max(0.0, reading.busy / 100)),
        temperature_c=reading.heat,
        power_w=reading.power,
    )
