"""Checks of firmware versions against the golden baseline's floors and blocklist."""

from dataclasses import dataclass
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
from firmware_checks.checks.order import compared
from firmware_checks.facts import Facts, Unread
from firmware_checks.golden import Golden
from firmware_checks.platform_facts import Device
from firmware_checks.reading import Reading


@dataclass(frozen=True, slots=True)
class Subject:
    """What a family of devices is called, and how its versions are written."""

    kind: str
    zh: str
    en: str
    hexadecimal: bool = False


def judged(
    golden: Reading[Golden], subject: Subject, devices: Reading[tuple[Device, ...]]
) -> Verdict:
    """Every device stands at or above its floor and on no blocklist.

    A device that the baseline does not name cannot be checked: it is never a pass.
    """
    if isinstance(devices, Unread):
        return could_not_read(devices)
    if not devices:
        seen = Evidence.of(subject.en, "none")
        return not_applicable(f"没有{subject.zh}。", f"There is no {subject.en}.", seen)
    if isinstance(golden, Unread):
        return could_not_read(golden)
    bad, unknown, good = _sorted(golden, subject, devices)
    if bad:
        return failed(
            f"{subject.zh}的固件过旧或已被列入黑名单。",
            f"Firmware of a {subject.en} is outdated or blocked.",
            *bad,
        )
    if unknown:
        return undecided(
            f"基线未能说明{subject.zh}的固件版本是否可用。",
            f"The baseline does not tell about the firmware of a {subject.en}.",
            *unknown,
        )
    return passed(
        f"{subject.zh}的固件不低于下限。", f"Firmware of each {subject.en} is new enough.", *good
    )


def _sorted(
    golden: Golden, subject: Subject, devices: tuple[Device, ...]
) -> tuple[list[Evidence], list[Evidence], list[Evidence]]:
    versions = golden.of(subject.kind)
    bad: list[Evidence] = []
    unknown: list[Evidence] = []
    good: list[Evidence] = []
    for device in devices:
        name = f"{device.place} {device.model}"
        if isinstance(device.version, Unread):
            unknown.append(Evidence.of(name, f"{device.version.reason.value}: version unread"))
            continue
        floor = versions.floors.get(device.model)
        if device.version in versions.blocked.get(device.model, ()):
            bad.append(Evidence.of(name, f"{device.version} is on the blocklist"))
            continue
        order = None if floor is None else _order(device.version, floor, subject)
        if order is None:
            unknown.append(Evidence.of(name, f"{device.version}, floor {floor or 'not known'}"))
        else:
            kept = bad if order < 0 else good
            kept.append(Evidence.of(name, f"{device.version}, floor {floor}"))
    return bad, unknown, good


def _order(version: str, floor: str, subject: Subject) -> int | None:
    return compared(version, floor, hexadecimal=subject.hexadecimal)


_BIOS: Final = Subject("bios", "主板", "mainboard")
_BMC: Final = Subject("bmc", "管理控制器", "management controller")
_NIC: Final = Subject("nic", "网卡", "network card")
_NVME: Final = Subject("nvme", "NVMe 硬盘", "NVMe disk")
_VBIOS: Final = Subject("gpu-vbios", "GPU", "GPU", hexadecimal=True)
_DRIVER: Final = Subject("gpu-driver", "GPU 驱动", "GPU driver")
_MICROCODE: Final = Subject("microcode", "处理器", "processor", hexadecimal=True)


def bios(facts: Facts) -> Verdict:
    """The BIOS is not below the floor of this model of machine and not on the blocklist."""
    dmi = facts.dmi
    if isinstance(dmi, Unread):
        return could_not_read(dmi)
    if isinstance(dmi.product, Unread):
        return could_not_read(dmi.product)
    version = dmi.bios_version
    told = version if isinstance(version, Unread) else version.strip()
    board = Device("bios_version", dmi.product.strip(), told)
    return judged(facts.golden, _BIOS, (board,))


def controller(facts: Facts) -> Verdict:
    """The management controller's firmware is not below its floor."""
    bmc = facts.bmc
    if isinstance(bmc, Unread):
        return could_not_read(bmc)
    if bmc.present is False:
        return judged(facts.golden, _BMC, ())
    if isinstance(bmc.controller, Unread):
        return could_not_read(bmc.controller)
    return judged(facts.golden, _BMC, (bmc.controller,))


def network(facts: Facts) -> Verdict:
    """No network card runs firmware below its floor."""
    return judged(facts.golden, _NIC, facts.nics)


def disks(facts: Facts) -> Verdict:
    """No NVMe disk runs firmware below its floor."""
    return judged(facts.golden, _NVME, facts.nvme)


def vbios(facts: Facts) -> Verdict:
    """No GPU runs a VBIOS below its floor."""
    return judged(facts.golden, _VBIOS, _gpus(facts))


def _gpus(facts: Facts) -> Reading[tuple[Device, ...]]:
    box = facts.gpu
    if isinstance(box, Unread):
        return box
    if box.on_bus == ():
        return ()
    if isinstance(box.gpus, Unread):
        return box.gpus
    return tuple(
        Device(f"GPU {number}", gpu.name, gpu.vbios) for number, gpu in enumerate(box.gpus)
    )


def driver(facts: Facts) -> Verdict:
    """The GPU driver is not below its floor and not on the blocklist."""
    box = facts.gpu
    if isinstance(box, Unread):
        return could_not_read(box)
    if box.on_bus == ():
        return judged(facts.golden, _DRIVER, ())
    return judged(facts.golden, _DRIVER, (Device("NVML", "nvidia", box.driver),))


def microcode(facts: Facts) -> Verdict:
    """The microcode is not below the floor of this model of processor."""
    cpu = facts.cpu
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    if cpu.virtual:
        return undecided(
            "虚拟机看不到真实微码,请在宿主机上检查。",
            "A virtual machine does not see the real microcode; check on its host.",
            Evidence.of("/proc/cpuinfo", "hypervisor"),
        )
    if not cpu.microcodes:
        return undecided(
            "内核没有给出微码版本。",
            "The kernel tells no microcode revision.",
            Evidence.of("/proc/cpuinfo", "no microcode"),
        )
    found = tuple(Device("microcode", cpu.model, one) for one in sorted(cpu.microcodes))
    return judged(facts.golden, _MICROCODE, found)


_HARM_ZH: Final = "旧固件含有已公开的漏洞,重装系统也无法清除其中的后门。"
_HARM_EN: Final = "Old firmware has published flaws; what hides in it survives a new installation."
_REMEDY_ZH: Final = "按厂商指南升级固件;基线缺少此型号时,请安装厂商的基线更新包。"
_REMEDY_EN: Final = (
    "Update the firmware as its maker says; if the baseline lacks the model, install the vendor's."
)
_SOURCES: Final = ("NIST SP 800-193", "NIST SP 800-147B", "firmware baseline of the vendor")


CHECKS: Final = (
    Check(
        "firmware.bios-floor",
        2,
        Impact.HIGH,
        Text("BIOS 不低于下限", _HARM_ZH, _REMEDY_ZH),
        Text("BIOS not below its floor", _HARM_EN, _REMEDY_EN),
        _SOURCES,
        bios,
    ),
    Check(
        "bmc.firmware-floor",
        2,
        Impact.HIGH,
        Text("管理控制器固件不低于下限", _HARM_ZH, _REMEDY_ZH),
        Text("Management controller not below its floor", _HARM_EN, _REMEDY_EN),
        (*_SOURCES, "CVE-2024-54085"),
        controller,
    ),
    Check(
        "nic.firmware-floor",
        3,
        Impact.MEDIUM,
        Text("网卡固件不低于下限", _HARM_ZH, _REMEDY_ZH),
        Text("Network cards not below their floor", _HARM_EN, _REMEDY_EN),
        _SOURCES,
        network,
    ),
    Check(
        "nvme.firmware-floor",
        3,
        Impact.MEDIUM,
        Text("NVMe 固件不低于下限", _HARM_ZH, _REMEDY_ZH),
        Text("NVMe disks not below their floor", _HARM_EN, _REMEDY_EN),
        _SOURCES,
        disks,
    ),
    Check(
        "gpu.vbios-floor",
        3,
        Impact.MEDIUM,
        Text("GPU VBIOS 不低于下限", _HARM_ZH, _REMEDY_ZH),
        Text("GPU VBIOS not below its floor", _HARM_EN, _REMEDY_EN),
        _SOURCES,
        vbios,
    ),
    Check(
        "gpu.driver-floor",
        2,
        Impact.HIGH,
        Text("GPU 驱动不低于下限", "旧驱动含有已公开的提权漏洞。", "按厂商指南升级 GPU 驱动。"),
        Text(
            "GPU driver not below its floor",
            "Old drivers have published flaws that lead to root.",
            "Update the GPU driver as its maker says.",
        ),
        ("NVIDIA security bulletins", "firmware baseline of the vendor"),
        driver,
    ),
    Check(
        "cpu.microcode-floor",
        2,
        Impact.HIGH,
        Text("微码不低于下限", "旧微码含有已知漏洞。", _REMEDY_ZH),
        Text(
            "Microcode not below its floor",
            "Old microcode has known flaws.",
            _REMEDY_EN,
        ),
        ("Linux arch/x86: microcode", "firmware baseline of the vendor"),
        microcode,
    ),
)
