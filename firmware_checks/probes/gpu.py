"""Observes NVIDIA GPUs: on the PCI bus, and through NVML or a captured answer of it."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from firmware_checks.facts import GpuBoxFacts, GpuFacts, Reading, Reason, Unread
from firmware_checks.probes.nvml import read_nvml
from firmware_checks.probes.tree import Tree

T = TypeVar("T", str, int, bool)
CAPTURE: Final = "/capture/nvml.json"
_BUS: Final = "/sys/bus/pci/devices"
_NVIDIA: Final = "0x10de"
_DISPLAY: Final = "0x03"


def gpu(tree: Tree) -> Reading[GpuBoxFacts]:
    """The GPUs of the machine; a captured machine answers from its capture/nvml.json."""
    on_bus = _on_bus(tree)
    if on_bus == ():
        nothing = Unread(Reason.ABSENT, _BUS, "no NVIDIA GPU")
        return GpuBoxFacts(on_bus, nothing, (), nothing, nothing)
    answer = read_nvml() if tree.live else _captured(tree)
    if isinstance(answer, Unread):
        return GpuBoxFacts(on_bus, answer, answer, answer, answer)
    return GpuBoxFacts(
        on_bus=on_bus,
        driver=_value(answer, "driver", str),
        gpus=_gpus(answer.get("gpus")),
        confidential_capable=_value(answer, "confidential_capable", bool),
        confidential_on=_value(answer, "confidential_on", bool),
    )


def _on_bus(tree: Tree) -> Reading[tuple[str, ...]]:
    addresses = tree.names(_BUS)
    if isinstance(addresses, Unread):
        return addresses
    if not addresses:
        return Unread(Reason.ABSENT, _BUS, "the bus shows no device at all")
    found: list[str] = []
    for address in addresses:
        vendor = tree.text(f"{_BUS}/{address}/vendor")
        kind = tree.text(f"{_BUS}/{address}/class")
        if isinstance(vendor, Unread):
            return vendor
        if isinstance(kind, Unread):
            return kind
        if vendor.strip().lower() == _NVIDIA and kind.strip().startswith(_DISPLAY):
            found.append(address)
    return tuple(found)


def _captured(tree: Tree) -> Reading[Mapping[str, Any]]:
    text = tree.text(CAPTURE)
    if isinstance(text, Unread):
        return text
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return Unread(Reason.MALFORMED, CAPTURE, "not JSON")
    if not isinstance(answer, dict):
        return Unread(Reason.MALFORMED, CAPTURE, "not a JSON object")
    return answer


def _gpus(found: object) -> Reading[tuple[GpuFacts, ...]]:
    if isinstance(found, dict) and "unread" in found:
        return Unread(Reason.FAILED, "NVML gpus", str(found["unread"])[:200])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        return Unread(Reason.MALFORMED, "NVML gpus", "no list of GPUs")
    return tuple(_one(entry) for entry in found)


def _one(entry: Mapping[str, Any]) -> GpuFacts:
    name = _value(entry, "name", str)
    return GpuFacts(
        name="?" if isinstance(name, Unread) else name,
        uuid=_value(entry, "uuid", str),
        vbios=_value(entry, "vbios", str),
        ecc_on=_value(entry, "ecc_on", bool),
        ecc_uncorrected=_value(entry, "ecc_uncorrected", int),
        retired_pages=_value(entry, "retired_pages", int),
        retirement_pending=_value(entry, "retirement_pending", bool),
        remap_pending=_value(entry, "remap_pending", bool),
        remap_failed=_value(entry, "remap_failed", bool),
        exhausted_banks=_value(entry, "exhausted_banks", int),
        slowed=_value(entry, "slowed", int),
        celsius=_value(entry, "celsius", int),
        celsius_limit=_value(entry, "celsius_limit", int),
        lanes=_value(entry, "lanes", int),
        lanes_possible=_value(entry, "lanes_possible", int),
    )


def _value(entry: Mapping[str, Any], name: str, kind: type[T]) -> Reading[T]:
    """The value under a name; {"unread": why} stands where NVML gave none."""
    value = entry.get(name)
    source = f"NVML {name}"
    if isinstance(value, dict) and "unread" in value:
        why = str(value["unread"])[:200]
        unsupported = why == Reason.UNSUPPORTED.value
        return Unread(Reason.UNSUPPORTED if unsupported else Reason.FAILED, source, why)
    if type(value) is kind and value != "":
        return value
    return Unread(Reason.ABSENT if value is None else Reason.MALFORMED, source)
