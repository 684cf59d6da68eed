"""Makers whose tools draw tables: Ascend, Moore Threads, MetaX."""

import re
from dataclasses import dataclass, replace

from models.hardware.facts import Accelerator
from models.hardware.tools import Reading, accelerators, cells, first_number

_PAIR = re.compile(r"(\d+)\s*/\s*(\d+)")
_BUS = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:")
_COLUMNS = 3
# npu-smi: a chip with an alarm still answers, but an engine on it stops sooner or later.
_UNWELL = frozenset({"alarm", "critical", "unknown"})


@dataclass(frozen=True, slots=True)
class _Chip:
    npu: int
    device: int | None
    reading: Reading


def parse_npu_smi(text: str) -> tuple[Accelerator, ...]:
    """Huawei Ascend, `npu-smi info`.

    Two rows for each chip. The upper: NPU number and name, health, power, temperature and huge
    pages (`| 0 910B3 | OK | 93.2 45 0 / 0 |`; power is "NA" or "-" where a board or the first of
    two chips counts it). The lower: chip number, with the device number behind it on boards of
    several chips (310, 310P, 910C: `| 1 3 | 0000:8A:00.0 | 0 2867 / 8192 |`), bus, AI-core share,
    memory, and on the 910 family high-bandwidth memory after it; the last pair of which the
    second is not zero counts, in MB. Sources: Huawei's npu-smi command references and captures.
    """
    chips: list[_Chip] = []
    upper: tuple[int, Reading] | None = None
    for line in text.splitlines():
        row = cells(line) if line.lstrip().startswith("|") else []
        if len(row) != _COLUMNS:
            continue
        head = re.fullmatch(r"(\d{1,4})\s+(\S+)", row[0])
        if _BUS.match(row[1]):
            if upper is not None:
                chips.append(_chip(upper, row))
            upper = None
        elif head is not None and not head.group(2).isdigit():
            upper = (int(head.group(1)), _upper(head.group(2), row))
        elif head is not None and row[1].isalpha():
            # The plain 310 and 910 are named by digits alone.
            upper = (int(head.group(1)), _upper(head.group(2), row))
    return accelerators("ascend", "npu-smi", _numbered(chips))


def _upper(name: str, row: list[str]) -> Reading:
    power, heat = ([*row[2].split(), "", ""])[:2]
    well = row[1].lower() not in _UNWELL
    shown = name if name.startswith("Ascend") else f"Ascend {name}"
    return Reading(0, shown, None, None, None, first_number(heat), first_number(power), well=well)


def _chip(upper: tuple[int, Reading], row: list[str]) -> _Chip:
    numbers = [int(number) for number in re.findall(r"\d{1,4}", row[0])]
    pairs = [(float(used), float(total)) for used, total in _PAIR.findall(row[2])]
    used, total = next((pair for pair in reversed(pairs) if pair[1]), (None, None))
    share = row[2].split(maxsplit=1)[0] if row[2] else ""
    reading = replace(upper[1], total=total, used=used, busy=first_number(share))
    return _Chip(upper[0], numbers[1] if len(numbers) > 1 else None, reading)


def _numbered(chips: list[_Chip]) -> list[Reading]:
    """Engines count devices: the tool's own number, else the NPU's if each has one chip."""
    if all(chip.device is not None for chip in chips):
        return [replace(chip.reading, index=chip.device or 0) for chip in chips]
    if len({chip.npu for chip in chips}) == len(chips):
        return [replace(chip.reading, index=chip.npu) for chip in chips]
    return [replace(chip.reading, index=number) for number, chip in enumerate(chips)]


_MTHREADS = re.compile(
    r"^\|?\s*(\d{1,3})\s+(MTT \S+)\s*\|[^|\n]*\|\s*(\d+%|N/A)\s+(\d+)MiB\s*[(/]\s*(\d+)MiB[^\n]*"
    r"(?:\n[^|\n]*\|[^|\n]*\|\s*(\d+)C\b)?",
    re.MULTILINE,
)


def parse_mthreads_gmi(text: str) -> tuple[Accelerator, ...]:
    """Moore Threads, `mthreads-gmi`.

    Rows `0  MTT S4000  |00000000:3b:00.0  |0%  123MiB(49152MiB)`, and below
    `Physical  P0  |16x(16x)  |48C  YES`: the temperature. Source: captures of versions 1.14 to 2.4.
    """
    found = [
        Reading(int(index), name, float(total), float(used), first_number(busy), first_number(heat))
        for index, name, busy, used, total, heat in _MTHREADS.findall(text)
    ]
    return accelerators("mthreads", "mthreads-gmi", found)


_METAX = re.compile(
    r"^\|\s*(\d{1,3})\s+((?:MX|MetaX )\S+)[^|\n]*\|[^|\n]*\|\s*(\d+\s*%|N/A)[^\n]*\n"
    r"\|\s*(\d+\s*C|N/A)\s+(\d+\s*W|N/A)?[^|\n]*\|\s*(?:(\d+)\s*/\s*(\d+)\s*MiB|N/A)[^|\n]*"
    r"(?:\|\s*([A-Za-z ]*[A-Za-z])\s*\|)?",
    re.MULTILINE,
)


def parse_mx_smi(text: str) -> tuple[Accelerator, ...]:
    """MetaX, `mx-smi`.

    Rows `| 0  MetaX N260  Off | 0000:01:00.0 | 0%  Native |` and, below,
    `| 37C  29W / 225W  P0 | 666/65536 MiB | Available |`. Source: captures of versions 2.1 and 2.2.
    """
    found = [
        Reading(
            int(index),
            name,
            first_number(total),
            first_number(used),
            first_number(busy),
            first_number(heat),
            first_number(power),
            well=state.lower() in {"", "available"},
        )
        for index, name, busy, heat, power, used, total, state in _METAX.findall(text)
    ]
    return accelerators("metax", "mx-smi", found)
