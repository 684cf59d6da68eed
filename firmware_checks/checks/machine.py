"""Checks of the machine: its IOMMU, the identity of its firmware, and its clock."""

from datetime import UTC, datetime
from typing import Final

from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    could_not_read,
    failed,
    passed,
)
from firmware_checks.facts import DmiFacts, Facts, Unread

# The box did not exist before: a clock below this was reset (an empty CMOS battery gives 2000).
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_CLOCK_DRIFT: Final = 300.0
_NO_DATE: Final = ("", "not specified", "n/a", "none", "to be filled by o.e.m.", "unknown")


def iommu(facts: Facts) -> Verdict:
    """An IOMMU is at work and keeps most groups of devices to memory of their own."""
    found = facts.iommu
    if isinstance(found, Unread):
        return could_not_read(found)
    if not found.units:
        seen = Evidence.of("/sys/class/iommu", "empty")
        return failed("没有启用 IOMMU。", "No IOMMU is at work.", seen)
    if isinstance(found.domains, Unread):
        return could_not_read(found.domains)
    kinds = sorted(set(found.domains.values()))
    seen = Evidence.of("/sys/kernel/iommu_groups", f"{len(found.domains)}: {', '.join(kinds)}")
    translated = sum(kind.startswith("DMA") for kind in found.domains.values())
    # Quirks pass single devices through; "iommu=pt" passes nearly all of them.
    if 2 * translated <= len(found.domains):
        return failed(
            "IOMMU 处于直通模式,不限制设备。",
            "The IOMMU passes everything through.",
            seen,
        )
    return passed("IOMMU 已启用。", "The IOMMU is at work.", seen)


def identified(facts: Facts) -> Verdict:
    """The machine names its maker, product and firmware, so that versions can be compared."""
    dmi = facts.dmi
    if isinstance(dmi, Unread):
        return could_not_read(dmi)
    for field in (dmi.vendor, dmi.product, dmi.bios_vendor, dmi.bios_version, dmi.bios_date):
        if isinstance(field, Unread):
            return could_not_read(field)
    return _named(dmi)


def _named(dmi: DmiFacts) -> Verdict:
    fields = {
        "sys_vendor": str(dmi.vendor),
        "product_name": str(dmi.product),
        "bios_vendor": str(dmi.bios_vendor),
        "bios_version": str(dmi.bios_version),
        "bios_date": str(dmi.bios_date),
    }
    seen = [Evidence.of(f"/sys/class/dmi/id/{name}", value) for name, value in fields.items()]
    blank = [name for name, value in fields.items() if value.strip().lower() in _NO_DATE]
    if blank:
        return failed("固件没有写明自己的身份。", "The firmware does not name itself.", *seen)
    return passed("固件已写明厂商与版本。", "The firmware names its maker and version.", *seen)


def clock(facts: Facts) -> Verdict:
    """The clock is neither reset nor far ahead, and agrees with the hardware clock."""
    found = facts.clock
    if isinstance(found, Unread):
        return could_not_read(found)
    if isinstance(found.now, Unread):
        return could_not_read(found.now)
    now = found.now
    seen = Evidence.of("clock", f"{now:.0f} s since 1970", steady=False)
    if not _EARLIEST <= now <= _LATEST:
        return failed("系统时间不可信。", "The clock cannot be right.", seen)
    if isinstance(found.hardware, Unread):
        return could_not_read(found.hardware)
    apart = abs(found.hardware - now)
    rtc = Evidence.of("/sys/class/rtc/rtc0/since_epoch", found.hardware, steady=False)
    if apart > _CLOCK_DRIFT:
        return failed(
            "系统时钟与硬件时钟不一致。",
            "The system clock and the hardware clock disagree.",
            seen,
            rtc,
        )
    return passed("时钟可信。", "The clock is plausible.", seen, rtc)


CHECKS: Final = (
    Check(
        "iommu.on",
        2,
        Impact.HIGH,
        Text(
            "IOMMU 已启用",
            "恶意设备可以直接读写内存。",
            "在 BIOS 中开启 VT-d/AMD-Vi,并去掉 iommu=pt 与 iommu=off。",
        ),
        Text(
            "IOMMU on",
            "A hostile device can read and write memory directly.",
            "Switch on VT-d or AMD-Vi in the BIOS setup; remove iommu=pt and iommu=off.",
        ),
        ("fwupd HSI-2 IOMMU Protection",),
        iommu,
    ),
    Check(
        "firmware.identified",
        1,
        Impact.LOW,
        Text("固件写明厂商与版本", "无法判断固件是否过旧。", "联系厂商刷写完整的固件。"),
        Text(
            "Firmware names maker and version",
            "Nobody can tell whether the firmware is outdated.",
            "Have the maker write complete firmware.",
        ),
        ("SMBIOS 3.7, types 0 and 1",),
        identified,
    ),
    Check(
        "clock.plausible",
        1,
        Impact.HIGH,
        Text(
            "时钟可信",
            "审计记录与证书有效期失去意义。",
            "校准时间,写入硬件时钟(hwclock --systohc),更换主板电池。",
        ),
        Text(
            "Clock plausible",
            "Audit records and the validity of certificates lose their meaning.",
            "Set the time, write it to the hardware clock (hwclock --systohc), change the battery.",
        ),
        ("NIST SP 800-92",),
        clock,
    ),
)
