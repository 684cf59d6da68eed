"""Checks of what surrounds the machine: DMA ports, USB, the case, the management controller."""

import ipaddress
from collections.abc import Mapping
from typing import Final

from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    could_not_read,
    failed,
    not_applicable,
    passed,
    undecided,
)
from firmware_checks.facts import Facts, Unread

_AUTHORIZED: Final = "/sys/bus/usb/devices"
_CLOSED_DOMAINS: Final = frozenset({"user", "secure", "dponly", "usbonly", "nopcie"})
_SUITE_UNUSED: Final = "X"


def preboot_dma(facts: Facts) -> Verdict:
    """The firmware keeps devices out of memory until the kernel takes over."""
    dma = facts.dma
    if isinstance(dma, Unread):
        return could_not_read(dma)
    told = _told_by_fwupd(facts)
    if isinstance(dma.preboot, Unread):
        if told is None:
            return could_not_read(dma.preboot)
        good, seen = told
    else:
        good, seen = dma.preboot, Evidence.of("/sys/firmware/acpi/tables", dma.preboot)
    if good:
        return passed("启动前的 DMA 已受保护。", "DMA is guarded before the start.", seen)
    return failed("启动前的 DMA 未受保护。", "DMA is not guarded before the start.", seen)


def _told_by_fwupd(facts: Facts) -> tuple[bool, Evidence] | None:
    if isinstance(facts.hsi, Unread):
        return None
    for name in ("PrebootDma", "AcpiDmar"):
        found = facts.hsi.get(name)
        if found is not None and not found.missing:
            return found.success, Evidence.of(f"fwupdmgr security {name}", found.result)
    return None


def thunderbolt(facts: Facts) -> Verdict:
    """A Thunderbolt device reaches memory only after somebody allowed it."""
    dma = facts.dma
    if isinstance(dma, Unread):
        return could_not_read(dma)
    domains = dma.domains
    if isinstance(domains, Unread):
        return could_not_read(domains)
    if not domains:
        seen = Evidence.of("/sys/bus/thunderbolt", "no domain")
        return not_applicable("没有 Thunderbolt 接口。", "There is no Thunderbolt port.", seen)
    seen_all = [Evidence.of(name, level) for name, level in domains.items()]
    if any(level not in _CLOSED_DOMAINS for level in domains.values()):
        return failed(
            "Thunderbolt 设备未经允许即可接入。",
            "Thunderbolt devices are let in without being allowed.",
            *seen_all,
        )
    return passed("Thunderbolt 设备须经允许。", "Thunderbolt devices must be allowed.", *seen_all)


def usb(facts: Facts) -> Verdict:
    """A USB device that is plugged in stays inert until it is allowed."""
    if isinstance(facts.usb, Unread):
        return could_not_read(facts.usb)
    hubs = facts.usb.authorized_default
    if isinstance(hubs, Unread):
        return could_not_read(hubs)
    if not hubs:
        seen = Evidence.of(_AUTHORIZED, "no controller")
        return not_applicable("没有 USB 控制器。", "There is no USB controller.", seen)
    open_hubs = [
        Evidence.of(name, value) for name, value in hubs.items() if value not in {"0", "2"}
    ]
    if open_hubs:
        return failed(
            "插入的 USB 设备会直接启用。", "USB devices work as soon as plugged in.", *open_hubs
        )
    seen = Evidence.of(_AUTHORIZED, f"{len(hubs)} controllers closed")
    return passed("USB 设备须经允许。", "USB devices must be allowed.", seen)


def chassis(facts: Facts) -> Verdict:
    """The case was not opened since its switch was last reset."""
    if isinstance(facts.chassis, Unread):
        return could_not_read(facts.chassis)
    alarms = facts.chassis.alarms
    if isinstance(alarms, Unread):
        return could_not_read(alarms)
    if not alarms:
        seen = Evidence.of("/sys/class/hwmon", "no intrusion sensor")
        return not_applicable("机箱没有开箱传感器。", "The case has no intrusion sensor.", seen)
    seen_all = [Evidence.of(place, state) for place, state in alarms.items()]
    if any(alarms.values()):
        return failed("机箱曾被打开。", "The case was opened.", *seen_all)
    return passed("机箱未被打开。", "The case was not opened.", *seen_all)


def controller(facts: Facts) -> Verdict:
    """The management controller stands in no public network and demands a password."""
    bmc = facts.bmc
    if isinstance(bmc, Unread):
        return could_not_read(bmc)
    if bmc.present is False:
        seen = Evidence.of("/sys/firmware/dmi/entries", "no type 38")
        return not_applicable("没有管理控制器。", "There is no management controller.", seen)
    if isinstance(bmc.lan, Unread):
        return could_not_read(bmc.lan)
    return _exposure(bmc.lan)


def _exposure(lan: Mapping[str, str]) -> Verdict:
    address = lan.get("ip address", "")
    suites, powers = lan.get("rmcp+ cipher suites", ""), lan.get("cipher suite priv max", "")
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return undecided(
            "读不到管理控制器的地址。",
            "The address of the management controller cannot be read.",
            Evidence.of("ipmitool lan print", address or "no IP address"),
        )
    if place.is_unspecified:
        seen = Evidence.of("ipmitool lan print", "no address")
        return passed("管理控制器未接入网络。", "The controller is in no network.", seen)
    if not suites or not powers:
        return undecided(
            "读不到管理控制器的加密套件。",
            "The cipher suites of the management controller cannot be read.",
            Evidence.of("ipmitool lan print", "no cipher suites"),
        )
    troubles = _troubles(place, lan, suites, powers)
    if troubles:
        return failed(
            "管理控制器暴露在外。",
            "The management controller is exposed.",
            *(Evidence.of("ipmitool lan print", trouble) for trouble in troubles),
        )
    seen = Evidence.of("ipmitool lan print", f"{address}, suites {suites}")
    return passed("管理控制器未暴露。", "The management controller is not exposed.", seen)


def _troubles(
    place: ipaddress.IPv4Address | ipaddress.IPv6Address,
    lan: Mapping[str, str],
    suites: str,
    powers: str,
) -> list[str]:
    found = [] if place.is_private else [f"{place} is a public address"]
    names = [name.strip() for name in suites.split(",")]
    # The n-th letter is the power that the n-th suite gives; suite 0 asks for no password.
    if "0" in names and powers[names.index("0") : names.index("0") + 1] != _SUITE_UNUSED:
        found.append("cipher suite 0 is open: no password is asked for")
    if "none" in lan.get("auth type enable", "").lower():
        found.append("authentication NONE is enabled")
    return found


CHECKS: Final = (
    Check(
        "dma.preboot",
        3,
        Impact.HIGH,
        Text(
            "启动前 DMA 保护",
            "启动时插入的设备可以改写内存。",
            "在 BIOS 中开启 Kernel DMA Protection / DMA Remapping。",
        ),
        Text(
            "DMA guarded before the start",
            "A device that is plugged in during the start can rewrite memory.",
            "Switch on Kernel DMA Protection or DMA Remapping in the BIOS setup.",
        ),
        ("fwupd HSI-3 Pre-boot DMA protection", "ACPI DMAR and IVRS"),
        preboot_dma,
    ),
    Check(
        "thunderbolt.closed",
        2,
        Impact.MEDIUM,
        Text(
            "Thunderbolt 须经允许",
            "插上设备即可直接访问内存。",
            "在 BIOS 中把 Thunderbolt 安全级别设为 user 或更高,或将其关闭。",
        ),
        Text(
            "Thunderbolt devices must be allowed",
            "A device that is plugged in reaches memory directly.",
            "Set the security level to user or above in the BIOS setup, or switch the port off.",
        ),
        ("Linux admin-guide: thunderbolt",),
        thunderbolt,
    ),
    Check(
        "usb.closed",
        3,
        Impact.MEDIUM,
        Text(
            "USB 设备须经允许",
            "插入的 U 盘或伪装键盘可以立即工作。",
            "安装 USBGuard,或加内核参数 usbcore.authorized_default=2。",
        ),
        Text(
            "USB devices must be allowed",
            "A stick, or a device that plays a keyboard, works as soon as it is plugged in.",
            "Install USBGuard, or add usbcore.authorized_default=2 to the kernel command line.",
        ),
        ("Linux usb/authorization", "USBGuard"),
        usb,
    ),
    Check(
        "chassis.closed",
        3,
        Impact.MEDIUM,
        Text(
            "机箱未被打开",
            "有人可能接触过内部硬件。",
            "查明开箱者,检查硬件,再在 BIOS 中复位开箱开关。",
        ),
        Text(
            "Case not opened",
            "Somebody may have been at the hardware inside.",
            "Find out who opened it, look inside, then reset the switch in the BIOS setup.",
        ),
        ("Linux hwmon sysfs interface: intrusion", "NIST SP 800-147B"),
        chassis,
    ),
    Check(
        "bmc.not-exposed",
        2,
        Impact.CRITICAL,
        Text(
            "管理控制器未暴露",
            "从网络即可接管整台机器,绕过操作系统。",
            "把 BMC 放入独立管理网,关闭 cipher suite 0 与 NONE 认证。",
        ),
        Text(
            "Management controller not exposed",
            "Whoever reaches it takes over the machine below the operating system.",
            "Put it into a network of its own; close cipher suite 0 and authentication NONE.",
        ),
        ("IPMI 2.0, section 22.15.2", "NSA/CISA: Harden Baseboard Management Controllers"),
        controller,
    ),
)
