"""Makers whose tools print records: Hygon, Cambricon, Iluvatar, Kunlun."""

import csv
import json
import re
import shlex

from models.hardware.facts import Accelerator
from models.hardware.tools import MEBIBYTE, OutputUnknown, Reading, accelerators, first_number


def parse_hy_smi(text: str) -> tuple[Accelerator, ...]:
    """Hygon DCU, `hy-smi` (or `rocm-smi`) `--showproductname --showmeminfo vram --showuse --json`.

    An object for each card ("card0") with "Card Series", "vram Total Memory (MiB)",
    "vram Total Used Memory (MiB)" and "DCU use (%)" ("HCU" in newer ones), as in the ROCm tool it
    descends from, which counts in bytes: "(B)". Cards of AMD are not Hygon's. Source: captures of
    DTK 24.04.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise OutputUnknown("hy-smi printed no object")
    found = []
    foreign = 0
    for key, row in document.items():
        match = re.fullmatch(r"card(\d{1,3})", key)
        if match is None or not isinstance(row, dict):
            continue
        folded = {name.lower(): str(value) for name, value in row.items()}
        if "advanced micro devices" in folded.get("card vendor", "").lower():
            foreign += 1
            continue
        found.append(
            Reading(
                int(match.group(1)),
                _named(folded, "card series") or "DCU",
                _mebibytes(folded, "vram total memory"),
                _mebibytes(folded, "vram total used"),
                first_number(_named(folded, "dcu use (%)", "hcu use (%)", "gpu use (%)")),
                first_number(_named(folded, "temperature (sensor junction)")),
                first_number(_named(folded, "average graphics package power")),
            )
        )
    if foreign and not found:
        return ()
    return accelerators("hygon", "hy-smi", found)


def _named(row: dict[str, str], *starts: str) -> str:
    return next((row[key] for start in starts for key in row if key.startswith(start)), "")


def _mebibytes(row: dict[str, str], start: str) -> float | None:
    """The number in MiB; None for "N/A". Raises OutputUnknown where the field is missing."""
    key = next((name for name in row if name.startswith(start)), None)
    if key is None:
        raise OutputUnknown(start)
    number = first_number(row[key])
    return number / MEBIBYTE if number is not None and "(b)" in key else number


def parse_cnmon(text: str) -> tuple[Accelerator, ...]:
    """Cambricon MLU, `cnmon info`.

    A paragraph for each card: "Card 0", then lines "Product Name : MLU370-X8", "Physical Memory
    Usage" with "Total : 24576 MiB" and "Used : 100 MiB", "MLU Average : 3 %", "Board : 35 C",
    "Usage : 80 W". Source: Cambricon's cnmon user guide.
    """
    found = []
    for block in re.split(r"^\s*Card\s+(?=\d)", text, flags=re.MULTILINE)[1:]:
        index = int(re.match(r"\d{1,3}", block)[0])  # type: ignore[index]  # the split saw it
        place = block.find("Physical Memory Usage")
        memory = block[place:] if place >= 0 else block[max(0, block.find("Memory Usage")) :]
        total, used = _line(memory, "Total"), _line(memory, "Used")
        if not total or not used:
            raise OutputUnknown(f"memory of card {index}")
        found.append(
            Reading(
                index,
                _line(block, "Product Name") or "MLU",
                first_number(total),
                first_number(used),
                first_number(_line(block, "MLU Average")),
                first_number(_line(block, "Board")),
                first_number(_line(block[max(0, block.find("Power")) :], "Usage")),
            )
        )
    return accelerators("cambricon", "cnmon", found)


def _line(block: str, name: str) -> str:
    found = re.search(rf"^\s*{re.escape(name)}[ \t]*:[ \t]*(.*?)[ \t]*$", block, re.MULTILINE)
    return found.group(1) if found else ""


_CSV_COLUMNS = 6


def parse_ixsmi(text: str) -> tuple[Accelerator, ...]:
    """Iluvatar CoreX, `ixsmi --query-gpu=... --format=csv,noheader`.

    A row for each chip, in the order asked for: `0, Iluvatar BI-V150, 32768 MiB, 116 MiB, 0 %,
    30 C`; "[N/A]" where it does not know. Source: captures of CoreX 4.
    """
    found = []
    for row in csv.reader(text.splitlines()):
        if len(row) != _CSV_COLUMNS or not row[0].strip().isdigit():
            continue
        total, used, busy, heat = (first_number(cell) for cell in row[2:])
        found.append(Reading(int(row[0]), row[1].strip(), total, used, busy, heat))
    return accelerators("iluvatar", "ixsmi", found)


# Columns of `xpu-smi -m`, counted from zero, as public monitors read them.
_XPU_INDEX, _XPU_USED, _XPU_TOTAL, _XPU_BUSY = 1, 17, 18, 19
_XPU_NAME = re.compile(r"(?:R200|R300|R480|K\d{3}|P\d{3})\b.*")


def parse_xpu_smi(text: str) -> tuple[Accelerator, ...]:
    """Kunlun, `xpu-smi -m`: the form for machines.

    A line for each card with some thirty fields, quoted as in a shell: bus, number, ..., memory
    used and in all in MiB (the 18th and 19th), share of time busy (the 20th). Source: public
    monitors for P800; the maker documents the fields in `xpu-smi -h` only.
    """
    found = []
    for line in text.splitlines():
        fields = shlex.split(line)
        if len(fields) <= _XPU_BUSY or not fields[_XPU_INDEX].isdigit():
            continue
        name = next((field for field in fields if _XPU_NAME.fullmatch(field)), "XPU")
        used, total, busy = (
            first_number(fields[place]) for place in (_XPU_USED, _XPU_TOTAL, _XPU_BUSY)
        )
        found.append(Reading(int(fields[_XPU_INDEX]), f"Kunlun {name}", total, used, busy))
    return accelerators("kunlun", "xpu-smi", found)
