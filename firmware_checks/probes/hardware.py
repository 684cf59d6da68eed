"""Observes processors, memory encryption, IOMMU, DMI and the clocks."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from firmware_checks.facts import (
    ClockFacts,
    CpuFacts,
    DmiFacts,
    IommuFacts,
    MemoryFacts,
    Reading,
    Reason,
    Unread,
)
from firmware_checks.probes.tree import Tree, number, switch

_CPUINFO: Final = "/proc/cpuinfo"
# A server of 512 threads writes about 1.5 KiB for each.
_CPUINFO_LIMIT: Final = 8 * 1024 * 1024
_DMI: Final = "/sys/class/dmi/id"
_SNP: Final = "/sys/module/kvm_amd/parameters/sev_snp"
_TDX: Final = "/sys/module/kvm_intel/parameters/tdx"
_GUEST_DEVICES: Final = ("/dev/sev-guest", "/dev/tdx_guest")
_CAPTURED_CLOCK: Final = "/capture/clock"


def cpu(tree: Tree) -> Reading[CpuFacts]:
    """Model and microcodes of all processors, and the flags that all of them share."""
    text = tree.text(_CPUINFO, _CPUINFO_LIMIT)
    if isinstance(text, Unread):
        return text
    model = ""
    flags: frozenset[str] | None = None
    microcodes: set[str] = set()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if key in {"flags", "Features"}:
            found = frozenset(value.split())
            flags = found if flags is None else flags & found
        elif key == "microcode":
            microcodes.add(value)
        elif key == "model name":
            model = value
    if flags is None:
        return Unread(Reason.MALFORMED, _CPUINFO, "no processor flags")
    return CpuFacts(model, flags, frozenset(microcodes))


def memory(tree: Tree) -> Reading[MemoryFacts]:
    """Whether the kernel hosts or is a confidential virtual machine."""
    return MemoryFacts(
        snp_host=switch(tree.text(_SNP), _SNP),
        tdx_host=switch(tree.text(_TDX), _TDX),
        guest_devices=tuple(path for path in _GUEST_DEVICES if tree.exists(path)),
    )


def iommu(tree: Tree) -> Reading[IommuFacts]:
    """IOMMU units and the domain type of each group of devices."""
    units = tree.names("/sys/class/iommu")
    if isinstance(units, Unread):
        return units
    return IommuFacts(units, _domains(tree))


def _domains(tree: Tree) -> Reading[dict[str, str]]:
    folder = "/sys/kernel/iommu_groups"
    groups = tree.names(folder)
    if isinstance(groups, Unread):
        return groups
    domains: dict[str, str] = {}
    for group in groups:
        kind = tree.text(f"{folder}/{group}/type")
        if isinstance(kind, Unread):
            return kind
        domains[group] = kind.strip()
    return domains


def dmi(tree: Tree) -> Reading[DmiFacts]:
    """Maker and firmware of the machine, as its DMI tables say."""
    names = tree.names(_DMI)
    if isinstance(names, Unread):
        return names
    return DmiFacts(
        vendor=tree.text(f"{_DMI}/sys_vendor"),
        product=tree.text(f"{_DMI}/product_name"),
        bios_vendor=tree.text(f"{_DMI}/bios_vendor"),
        bios_version=tree.text(f"{_DMI}/bios_version"),
        bios_date=tree.text(f"{_DMI}/bios_date"),
    )


def clock(tree: Tree, now: Callable[[], float]) -> Reading[ClockFacts]:
    """The system clock (of a captured machine: the time written down with it) and the RTC."""
    hardware = "/sys/class/rtc/rtc0/since_epoch"
    seconds: Reading[float] = now() if tree.live else _captured_clock(tree)
    return ClockFacts(seconds, number(tree.text(hardware), hardware))


def _captured_clock(tree: Tree) -> Reading[float]:
    text = tree.text(_CAPTURED_CLOCK)
    if isinstance(text, Unread):
        return text
    with suppress(ValueError):
        return float(text)
    return Unread(Reason.MALFORMED, _CAPTURED_CLOCK, "not a number of seconds")
