"""Accelerators of other makers, read from what their tools print; one parser, one function."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.hardware.datasheets import known_bandwidth
from models.hardware.facts import Accelerator, Unreadable
from models.hardware.tools import MEBIBYTE, OutputUnknown, ToolRunner, cells, first_number

_MOST_CARDS: Final = 256


@dataclass(frozen=True, slots=True)
class Vendor:
    """One maker: its tool and the parser of what the tool prints."""

    name: str
    argv: tuple[str, ...]
    parse: Callable[[str], tuple[Accelerator, ...]]

    def read(self, runner: ToolRunner) -> tuple[Accelerator, ...] | Unreadable:
        """Asks the tool; no tool, no cards."""
        try:
            text = runner(self.argv)
        except (OSError, TimeoutError) as error:
            return Unreadable(self.name, f"{self.argv[0]}: {type(error).__name__}")
        if text is None:
            return ()
        try:
            return self.parse(text)[:_MOST_CARDS]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            return Unreadable(self.name, f"{self.argv[0]}: {error}")


def _card(
    vendor: str, index: int, name: str, memory_mib: tuple[float, float], **facts: float | None
) -> Accelerator:
    total, used = memory_mib
    busy = facts.get("busy")
    return Accelerator(
        vendor=vendor,
        index=index,
        name=name,
        memory_bytes=round(total * MEBIBYTE),
        memory_free_bytes=round(max(0.0, total - used) * MEBIBYTE),
        bandwidth_bytes_s=known_bandwidth(name),
        utilisation=None if busy is None else busy / 100,
        temperature_c=facts.get("temperature"),
        power_w=facts.get("power"),
    )


def parse_npu_smi(text: str) -> tuple[Accelerator, ...]:
    """Huawei Ascend, `npu-smi info`.

    A table with two rows per chip: `| 0  910B3 | OK | 93.2  45  0 / 0 |` (number and name,
    health, power, temperature, huge pages) and `| 0 | 0000:C1:00.0 | 0  0 / 0  3389 / 65536 |`
    (chip, bus, AI-core share, memory, high-bandwidth memory; the last pair counts in MB).
    """
    found: list[Accelerator] = []
    upper: tuple[int, str, float | None, float | None] | None = None
    for line in text.splitlines():
        row = cells(line) if line.startswith("|") else []
        head = re.fullmatch(r"(\d+)\s+(\S+)", row[0]) if len(row) == 3 else None  # noqa: PLR2004
        if head is not None and not re.match(r"[0-9A-Fa-f]{4}:", row[1]):
            numbers = re.findall(r"\d+(?:\.\d+)?", row[2])
            power = float(numbers[0]) if numbers else None
            heat = float(numbers[1]) if len(numbers) > 1 else None
            upper = (int(head.group(1)), head.group(2), power, heat)
        elif upper is not None and len(row) == 3 and "/" in row[2]:  # noqa: PLR2004
            pairs = re.findall(r"(\d+)\s*/\s*(\d+)", row[2])
            used, total = map(float, pairs[-1])
            name = f"Ascend {upper[1]}"
            busy = first_number(row[2])
            found.append(
                _card(
                    "ascend", upper[0], name, (total, used),
                    busy=busy, power=upper[2], temperature=upper[3],
                )
            )  # fmt: skip
            upper = None
    return _some(found, "npu-smi")


def parse_hy_smi(text: str) -> tuple[Accelerator, ...]:
    """Hygon DCU, `hy-smi --showproductname --showmeminfo vram --showuse --json`.

    An object per card ("card0") with "Card series", "vram Total Memory (MiB)",
    "vram Total Used Memory (MiB)" and "DCU use (%)", as in the ROCm tool it descends from.
    """
    found = []
    document = json.loads(text)
    for key, row in sorted(document.items()) if isinstance(document, dict) else ():
        match = re.fullmatch(r"card(\d+)", key)
        if match is None or not isinstance(row, dict):
            continue
        folded = {name.lower(): str(value) for name, value in row.items()}
        total = _field(folded, "vram total memory")
        used = _field(folded, "vram total used")
        name = next((v for k, v in folded.items() if "card series" in k), "DCU")
        busy = first_number(next((v for k, v in folded.items() if "use (%)" in k), ""))
        found.append(_card("hygon", int(match.group(1)), name, (total, used), busy=busy))
    return _some(found, "hy-smi")


def _field(row: dict[str, str], name: str) -> float:
    for key, value in row.items():
        if key.startswith(name):
            number = first_number(value)
            if number is not None:
                return number / MEBIBYTE if "(b)" in key else number
    raise OutputUnknown(name)


def parse_cnmon(text: str) -> tuple[Accelerator, ...]:
    """Cambricon MLU, `cnmon info`.

    A paragraph per card: "Card 0", then lines "Product Name : MLU370-X8",
    "Physical Memory Usage" with "Total : 24576 MiB" and "Used : 100 MiB", "MLU Average : 3 %",
    "Board : 35 C", "Usage : 80 W".
    """
    found = []
    for block in re.split(r"^\s*Card\s+(?=\d+)", text, flags=re.MULTILINE)[1:]:
        index = int(block.split(None, 1)[0])
        name = _line(block, "Product Name") or "MLU"
        memory = block[block.find("Memory Usage") :]
        total, used = first_number(_line(memory, "Total")), first_number(_line(memory, "Used"))
        if total is None or used is None:
            raise OutputUnknown(f"memory of card {index}")
        busy = first_number(_line(block, "MLU Average"))
        heat = first_number(_line(block, "Board"))
        found.append(_card("cambricon", index, name, (total, used), busy=busy, temperature=heat))
    return _some(found, "cnmon")


def _line(block: str, name: str) -> str:
    found = re.search(rf"^\s*{re.escape(name)}\s*:\s*(.*?)\s*$", block, re.MULTILINE)
    return found.group(1) if found else ""


def parse_mthreads_gmi(text: str) -> tuple[Accelerator, ...]:
    """Moore Threads, `mthreads-gmi`.

    Rows `0  MTT S4000 |00000000:3b:00.0 |0%  123MiB(49152MiB)`, temperature and power on the next.
    """
    found = []
    pattern = re.compile(
        r"^\|?\s*(\d+)\s+(MTT \S+)\s*\|[^|]*\|\s*(\d+)%\s+(\d+)MiB\s*[(/]\s*(\d+)MiB", re.MULTILINE
    )
    for index, name, busy, used, total in pattern.findall(text):
        memory = (float(total), float(used))
        found.append(_card("mthreads", int(index), name, memory, busy=float(busy)))
    return _some(found, "mthreads-gmi")


def parse_mx_smi(text: str) -> tuple[Accelerator, ...]:
    """MetaX, `mx-smi`.

    Rows `| 0  MXC500 | 0000:08:00.0 | 0% |` and, below, `| 35C  56W | 858/65536 MiB |`.
    """
    found = []
    pattern = re.compile(
        r"^\|\s*(\d+)\s+(MX\S+|MetaX \S+)[^|]*\|[^|]*\|\s*(\d+)\s*%[^\n]*\n"
        r"\|\s*(\d+)\s*C\s+(\d+)\s*W?[^|]*\|\s*(\d+)\s*/\s*(\d+)\s*MiB",
        re.MULTILINE,
    )
    for index, name, busy, heat, power, used, total in pattern.findall(text):
        facts = {"busy": float(busy), "temperature": float(heat), "power": float(power)}
        found.append(_card("metax", int(index), name, (float(total), float(used)), **facts))
    return _some(found, "mx-smi")


def _some(found: list[Accelerator], tool: str) -> tuple[Accelerator, ...]:
    if not found:
        raise OutputUnknown(f"{tool} printed no card that this parser knows")
    return tuple(sorted(found, key=lambda card: card.index))


VENDORS: Final[tuple[Vendor, ...]] = (
    Vendor("ascend", ("npu-smi", "info"), parse_npu_smi),
    Vendor(
        "hygon",
        ("hy-smi", "--showproductname", "--showmeminfo", "vram", "--showuse", "--json"),
        parse_hy_smi,
    ),
    Vendor("cambricon", ("cnmon", "info"), parse_cnmon),
    Vendor("mthreads", ("mthreads-gmi",), parse_mthreads_gmi),
    Vendor("metax", ("mx-smi",), parse_mx_smi),
)
"""Every maker that is read through a tool."""
