"""Observes accelerators of other makers than NVIDIA: on the bus, and through their makers' tools."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.platform_facts import Card, MakerFacts
from firmware_checks.probes.tool import SECONDS, ask
from firmware_checks.probes.tree import Tree

_BUS: Final = "/sys/bus/pci/devices"
_MAX_CARDS: Final = 256
_MAX_LINE: Final = 240
_MAX_LINES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Maker:
    """One maker of accelerators.

    Attributes:
        name: Short name.
        vendor: PCI vendor number.
        classes: How the PCI classes of its accelerators start: a maker also builds other devices.
        argv: Its tool and the tool's arguments.
        parse: Reads what the tool printed.
    """

    name: str
    vendor: str
    classes: tuple[str, ...]
    argv: tuple[str, ...]
    parse: Callable[[str], list[Card]]


def _rows(text: str) -> str:
    """The lines that are not blank, each cut: searching a torn answer stays linear in its length."""
    kept = (line[:_MAX_LINE].rstrip() for line in text.splitlines() if line.strip())
    return "\n".join(islice(kept, _MAX_LINES))


def _number(text: str | None) -> float | None:
    found = re.search(r"\d{1,6}(?:\.\d{1,3})?", text or "", re.ASCII)
    return float(found[0]) if found else None


_NPU: Final = re.compile(
    r"^\|\s*(\d{1,4})\s+(\S+)\s*\|\s*([A-Za-z]+)\s*\|\s*\S+\s+(\d{1,4}|NA|-)\b", re.MULTILINE
)


def parse_npu_smi(text: str) -> list[Card]:
    """Ascend, `npu-smi info`: `| 0  910B3 | OK | 93.2  45  0 / 0 |` (health, power, temperature)."""
    return [
        Card(number, f"Ascend {name}", health, _number(heat), None)
        for number, name, health, heat in _NPU.findall(_rows(text))
    ]


def parse_hy_smi(text: str) -> list[Card]:
    """Hygon, `hy-smi --showproductname --showtemp --json`: an object for each card, "card0"."""
    document = json.loads(text)
    found: list[Card] = []
    for key, row in document.items() if isinstance(document, dict) else ():
        if not re.fullmatch(r"card\d{1,3}", key) or not isinstance(row, dict):
            continue
        folded = {str(name).lower(): str(value) for name, value in row.items()}
        if "advanced micro devices" in folded.get("card vendor", "").lower():
            continue
        heat = [_number(told) for name, told in folded.items() if name.startswith("temperature")]
        hottest = max((value for value in heat if value is not None), default=None)
        found.append(Card(key, folded.get("card series", "DCU"), "", hottest, None))
    return found


def parse_cnmon(text: str) -> list[Card]:
    """Cambricon, `cnmon info`: a paragraph for each card, "Card 0", with "Board : 35 C"."""
    found: list[Card] = []
    for block in re.split(r"^\s*Card\s+(?=\d)", _rows(text), flags=re.MULTILINE)[1:]:
        index = re.match(r"\d{1,3}", block)
        found.append(
            Card(
                index[0] if index else "?",
                _line(block, "Product Name") or "MLU",
                _line(block, "Health") or _line(block, "Status"),
                _number(_line(block, "Board") or _line(block, "Chip")),
                None,
            )
        )
    return found


def _line(block: str, name: str) -> str:
    found = re.search(rf"^\s*{re.escape(name)}[ \t]*:[ \t]*(.*?)[ \t]*$", block, re.MULTILINE)
    return found[1] if found else ""


_MTHREADS: Final = re.compile(
    r"^\|?\s*(\d{1,3})\s+(MTT \S+)[^\n]*(?:\n[^|\n]*\|[^|\n]*\|\s*(\d{1,3})C\b)?", re.MULTILINE
)


def parse_mthreads_gmi(text: str) -> list[Card]:
    """Moore Threads, `mthreads-gmi`: `0  MTT S4000 |...`, the temperature in the row below."""
    return [
        Card(number, name, "", _number(heat), None)
        for number, name, heat in _MTHREADS.findall(_rows(text))
    ]


_METAX: Final = re.compile(
    r"^\|\s*(\d{1,3})\s+((?:MX|MetaX )\S+)[^\n]*\n"
    r"\|\s*(\d{1,3}|N/A)\s*C?\b[^|\n]*\|[^|\n]*(?:\|\s*([A-Za-z ]*[A-Za-z])\s*\|)?",
    re.MULTILINE,
)


def parse_mx_smi(text: str) -> list[Card]:
    """MetaX, `mx-smi`: `| 0  MetaX C500 |`, below it `| 37C .. | 666/65536 MiB | Available |`."""
    return [
        Card(number, name, health, _number(heat), None)
        for number, name, heat, health in _METAX.findall(_rows(text))
    ]


_ANY: Final = ("0x03", "0x12", "0x0b40")
MAKERS: Final = (
    Maker("ascend", "0x19e5", ("0x12",), ("npu-smi", "info"), parse_npu_smi),
    Maker(
        "hygon",
        "0x1d94",
        _ANY,
        ("hy-smi", "--showproductname", "--showtemp", "--json"),
        parse_hy_smi,
    ),
    Maker("cambricon", "0xcabc", _ANY, ("cnmon", "info"), parse_cnmon),
    Maker("mthreads", "0x1ed5", _ANY, ("mthreads-gmi",), parse_mthreads_gmi),
    Maker("metax", "0x9999", _ANY, ("mx-smi",), parse_mx_smi),
)


def accelerators(tree: Tree) -> Reading[Mapping[str, MakerFacts]]:
    """What is known of each maker's cards; a tool is asked only where its maker's cards may be."""
    bus = _on_bus(tree)
    wanted = [maker for maker in MAKERS if isinstance(bus, Unread) or bus[maker.name]]
    seconds = SECONDS / max(1, len(wanted))
    found: dict[str, MakerFacts] = {}
    for maker in MAKERS:
        cards = _cards(tree, maker, seconds) if maker in wanted else ()
        found[maker.name] = MakerFacts(bus if isinstance(bus, Unread) else bus[maker.name], cards)
    return found


def _on_bus(tree: Tree) -> Reading[Mapping[str, tuple[str, ...]]]:
    addresses = tree.names(_BUS)
    if isinstance(addresses, Unread):
        return addresses
    if not addresses:
        return Unread(Reason.ABSENT, _BUS, "the bus shows no device at all")
    found: dict[str, tuple[str, ...]] = {maker.name: () for maker in MAKERS}
    for address in addresses:
        vendor = tree.text(f"{_BUS}/{address}/vendor")
        kind = tree.text(f"{_BUS}/{address}/class")
        if isinstance(vendor, Unread):
            return vendor
        if isinstance(kind, Unread):
            return kind
        for maker in MAKERS:
            if vendor.strip().lower() == maker.vendor and kind.strip().startswith(maker.classes):
                found[maker.name] = (*found[maker.name], address)
    return found


def _cards(tree: Tree, maker: Maker, seconds: float) -> Reading[tuple[Card, ...]]:
    text = ask(tree, maker.argv, f"{maker.argv[0]}.txt", seconds)
    if isinstance(text, Unread):
        return text
    try:
        cards = maker.parse(text)
    except (ValueError, RecursionError):
        return Unread(Reason.MALFORMED, maker.argv[0], "it printed something unknown")
    if not cards or len(cards) > _MAX_CARDS:
        return Unread(Reason.MALFORMED, maker.argv[0], f"it shows {len(cards)} cards")
    return tuple(cards)
