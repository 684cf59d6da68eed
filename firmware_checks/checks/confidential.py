"""Checks of confidential computing: what the machine offers as a host and what it is as a guest."""

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
)
from firmware_checks.facts import CpuFacts, Facts, MemoryFacts, Unread

_CPUINFO: Final = "/proc/cpuinfo"
_HOSTS: Final = frozenset({"sev_snp", "tdx_host_platform"})
_GUEST_FLAGS: Final = frozenset({"tdx_guest", "sev_guest"})


def host(facts: Facts) -> Verdict:
    """Where the processor can run confidential guests, the kernel offers it."""
    cpu, memory = facts.cpu, facts.memory
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    if isinstance(memory, Unread):
        return could_not_read(memory)
    if cpu.virtual:
        seen = Evidence.of(_CPUINFO, "hypervisor")
        return not_applicable("本机是虚拟机。", "This is a virtual machine.", seen)
    able = sorted(cpu.flags & _HOSTS)
    if not able:
        seen = Evidence.of(_CPUINFO, "neither sev_snp nor tdx_host_platform")
        return not_applicable(
            "处理器不支持机密虚拟机。", "The processor runs no confidential guests.", seen
        )
    return _offered(memory, able)


def _offered(memory: MemoryFacts, able: list[str]) -> Verdict:
    state = memory.snp_host if "sev_snp" in able else memory.tdx_host
    if isinstance(state, Unread):
        return could_not_read(state)
    seen = Evidence.of("/sys/module/kvm", f"{able[0]} {'on' if state else 'off'}")
    if state:
        return passed("已提供机密虚拟机。", "Confidential guests are offered.", seen)
    return failed("机密虚拟机未启用。", "Confidential guests are switched off.", seen)


def guest(facts: Facts) -> Verdict:
    """A virtual machine is a confidential one and can prove it."""
    cpu, memory = facts.cpu, facts.memory
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    if isinstance(memory, Unread):
        return could_not_read(memory)
    if not cpu.virtual:
        seen = Evidence.of(_CPUINFO, "no hypervisor")
        return not_applicable("本机不是虚拟机。", "This is no virtual machine.", seen)
    return _protected(cpu, memory)


def _protected(cpu: CpuFacts, memory: MemoryFacts) -> Verdict:
    devices = memory.guest_devices
    seen = Evidence.of("guest", " ".join(devices) or "neither sev-guest nor tdx_guest")
    if devices:
        return passed(
            "机密虚拟机可以出具证明。", "The guest is confidential and can prove it.", seen
        )
    if cpu.flags & _GUEST_FLAGS:
        return failed(
            "机密虚拟机没有证明设备。", "The confidential guest has no device to prove it.", seen
        )
    return failed("宿主机可以读取全部内存。", "The host can read all of the memory.", seen)


CHECKS: Final = (
    Check(
        "confidential.host",
        4,
        Impact.LOW,
        Text(
            "可运行机密虚拟机",
            "多家机构的任务不能互相隔离到硬件一级。",
            "在 BIOS 中启用 SEV-SNP 或 TDX,并使用支持它的内核。",
        ),
        Text(
            "Confidential guests offered",
            "Work of several parties is not kept apart by hardware.",
            "Switch on SEV-SNP or TDX in the BIOS setup and use a kernel that supports it.",
        ),
        ("AMD SEV-SNP", "Intel TDX", "fwupd HSI-4 Encrypted RAM"),
        host,
    ),
    Check(
        "confidential.guest",
        4,
        Impact.HIGH,
        Text(
            "虚拟机是机密虚拟机",
            "宿主机的管理员可以读取病人数据。",
            "改用 SEV-SNP 或 TDX 机密虚拟机,或直接运行在实体机上。",
        ),
        Text(
            "Virtual machine is a confidential one",
            "Whoever runs the host can read patient data.",
            "Use a confidential guest (SEV-SNP, TDX), or run on the machine itself.",
        ),
        ("AMD SEV-SNP", "Intel TDX"),
        guest,
    ),
)
