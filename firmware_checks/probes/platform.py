"""Observes fwupd's attributes, DMA guards, kernel switches, USB, case switches and LUKS tokens."""

import json
from collections.abc import Mapping
from typing import Any, Final

from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.platform_facts import (
    ChassisFacts,
    DmaFacts,
    HardeningFacts,
    HsiAttribute,
    UsbFacts,
)
from firmware_checks.probes.tool import ask
from firmware_checks.probes.tree import Tree, number

_TABLES: Final = "/sys/firmware/acpi/tables"
# ACPI: a table's header takes 36 bytes; DMAR has its flags in byte 37, IVRS its IVinfo in 36-39.
_DMAR_FLAGS: Final = 37
_DMAR_OPT_IN: Final = 0x04
_IVRS_INFO: Final = 36
_IVRS_REMAP: Final = 0x02
_MAX_ATTRIBUTES: Final = 500


def hsi(tree: Tree) -> Reading[Mapping[str, HsiAttribute]]:
    """Attributes of fwupd by their names, without those that others have replaced."""
    text = ask(tree, ("fwupdmgr", "security", "--json"), "fwupd-security.json")
    if isinstance(text, Unread):
        return text
    source = "fwupdmgr security --json"
    try:
        rows = json.loads(text)["SecurityAttributes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unread(Reason.MALFORMED, source, "no SecurityAttributes")
    if not isinstance(rows, list) or len(rows) > _MAX_ATTRIBUTES:
        return Unread(Reason.MALFORMED, source, "no list of attributes")
    found: dict[str, HsiAttribute] = {}
    for row in rows:
        attribute = _attribute(row)
        if attribute is None:
            return Unread(Reason.MALFORMED, source, "an attribute has no name or flags")
        name, told, obsolete = attribute
        # fwupd can name one attribute for several devices: the worse one counts.
        if not obsolete and (name not in found or found[name].success):
            found[name] = told
    return found or Unread(Reason.MALFORMED, source, "it names no attribute")


def _attribute(row: Any) -> tuple[str, HsiAttribute, bool] | None:
    if not isinstance(row, dict):
        return None
    name, flags = row.get("AppstreamId"), row.get("Flags", [])
    if not isinstance(name, str) or not isinstance(flags, list):
        return None
    short = name.removeprefix("org.fwupd.hsi.")
    told = HsiAttribute(
        result=str(row.get("HsiResult", "")),
        success="success" in flags,
        missing="missing-data" in flags,
    )
    return short, told, "obsoleted" in flags


def dma(tree: Tree) -> Reading[DmaFacts]:
    """What keeps devices out of memory: the firmware before the kernel, Thunderbolt's level."""
    return DmaFacts(_preboot(tree), _thunderbolt(tree))


def _preboot(tree: Tree) -> Reading[bool]:
    dmar = tree.data(f"{_TABLES}/DMAR")
    if not isinstance(dmar, Unread):
        return _flag(dmar, b"DMAR", _DMAR_FLAGS, _DMAR_OPT_IN)
    if dmar.reason is not Reason.ABSENT:
        return dmar
    ivrs = tree.data(f"{_TABLES}/IVRS")
    if isinstance(ivrs, Unread):
        return ivrs
    return _flag(ivrs, b"IVRS", _IVRS_INFO, _IVRS_REMAP)


def _flag(table: bytes, name: bytes, place: int, mask: int) -> Reading[bool]:
    if table[:4] != name or len(table) <= place:
        return Unread(Reason.MALFORMED, f"{_TABLES}/{name.decode()}", "not such a table")
    return bool(table[place] & mask)


def _thunderbolt(tree: Tree) -> Reading[Mapping[str, str]]:
    folder = "/sys/bus/thunderbolt/devices"
    names = tree.names(folder)
    if isinstance(names, Unread):
        # Without the driver the bus is not there; only a readable /sys/bus tells so.
        buses = tree.names("/sys/bus")
        absent = names.reason is Reason.ABSENT and not isinstance(buses, Unread)
        return {} if absent and buses else names
    domains = (name for name in names if name.startswith("domain"))
    return _texts(tree, {name: f"{folder}/{name}/security" for name in domains})


def _texts(tree: Tree, paths: Mapping[str, str]) -> Reading[Mapping[str, str]]:
    """The text of each file; one that cannot be read stands for all."""
    found: dict[str, str] = {}
    for name, path in paths.items():
        text = tree.text(path)
        if isinstance(text, Unread):
            return text
        found[name] = text.strip()
    return found


def hardening(tree: Tree) -> Reading[HardeningFacts]:
    """Switches of the running kernel, each on its own."""

    def switch(name: str) -> Reading[int]:
        path = f"/proc/sys/kernel/{name}"
        return number(tree.text(path), path)

    return HardeningFacts(
        kexec_disabled=switch("kexec_load_disabled"),
        bpf_disabled=switch("unprivileged_bpf_disabled"),
        kptr_restrict=switch("kptr_restrict"),
        dmesg_restrict=switch("dmesg_restrict"),
        ptrace_scope=switch("yama/ptrace_scope"),
    )


def usb(tree: Tree) -> Reading[UsbFacts]:
    """What each USB controller does with a device that is plugged in."""
    folder = "/sys/bus/usb/devices"
    names = tree.names(folder)
    if isinstance(names, Unread):
        buses = tree.names("/sys/bus")
        absent = names.reason is Reason.ABSENT and not isinstance(buses, Unread)
        return UsbFacts({}) if absent and buses else names
    roots = {name: f"{folder}/{name}/authorized_default" for name in names if name[:3] == "usb"}
    return UsbFacts(_texts(tree, roots))


def chassis(tree: Tree) -> Reading[ChassisFacts]:
    """The switches below /sys/class/hwmon that an opened case sets."""
    folder = "/sys/class/hwmon"
    sensors = tree.names(folder)
    if isinstance(sensors, Unread):
        return sensors
    if not sensors:
        return Unread(Reason.ABSENT, folder, "the kernel shows no sensor at all")
    alarms: dict[str, int] = {}
    for sensor in sensors:
        values = tree.names(f"{folder}/{sensor}")
        if isinstance(values, Unread):
            return values
        for name in values:
            if name.startswith("intrusion") and name.endswith("_alarm"):
                path = f"{folder}/{sensor}/{name}"
                state = number(tree.text(path), path)
                if isinstance(state, Unread):
                    return state
                alarms[path] = state
    return ChassisFacts(alarms)
