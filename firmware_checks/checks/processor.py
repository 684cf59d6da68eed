"""Checks of processors: flaws, microcode, AES, and encryption of main memory."""

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
    undecided,
)
from firmware_checks.facts import CpuFacts, Facts, Unread

_FLAWS: Final = "/sys/devices/system/cpu/vulnerabilities"
_CPUINFO: Final = "/proc/cpuinfo"


def vulnerabilities(facts: Facts) -> Verdict:
    """The kernel mitigates every flaw it knows of, with no part left open."""
    found = facts.vulnerabilities
    if isinstance(found, Unread):
        return could_not_read(found)
    open_flaws = {name: line for name, line in found.items() if "vulnerable" in line.lower()}
    if open_flaws:
        return failed(
            "有未缓解的处理器漏洞。",
            "Processor flaws are not mitigated.",
            *(Evidence.of(f"{_FLAWS}/{name}", line) for name, line in open_flaws.items()),
        )
    sound = ("Not affected", "Mitigation:", "KVM: Mitigation:")
    unclear = {name: line for name, line in found.items() if not line.startswith(sound)}
    if unclear:
        return undecided(
            "内核无法判断某些处理器漏洞。",
            "The kernel cannot tell about some processor flaws.",
            *(Evidence.of(f"{_FLAWS}/{name}", line) for name, line in unclear.items()),
        )
    seen = Evidence.of(_FLAWS, f"{len(found)} flaws, none open")
    return passed("处理器漏洞均已缓解。", "All known processor flaws are mitigated.", seen)


def microcode(facts: Facts) -> Verdict:
    """All processors run the same microcode, and the kernel does not call it outdated."""
    cpu = facts.cpu
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    seen = Evidence.of(f"{_CPUINFO} microcode", ", ".join(sorted(cpu.microcodes)) or "none")
    if len(cpu.microcodes) > 1:
        return failed("各核微码不一致。", "Processors run different microcode.", seen)
    old = "" if isinstance(facts.vulnerabilities, Unread) else _old(facts.vulnerabilities)
    if "vulnerable" in old.lower():
        old_seen = Evidence.of(f"{_FLAWS}/old_microcode", old)
        return failed("微码过旧。", "The microcode is outdated.", seen, old_seen)
    if cpu.virtual:
        return undecided(
            "虚拟机看不到真实微码,请在宿主机上检查。",
            "A virtual machine does not see the real microcode; check on its host.",
            seen,
        )
    return _revision(cpu, seen)


def _old(found: object) -> str:
    return str(found.get("old_microcode", "")) if isinstance(found, dict) else ""


def _revision(cpu: CpuFacts, seen: Evidence) -> Verdict:
    text = next(iter(cpu.microcodes), "")
    digits = text.removeprefix("0x")
    if not digits or set(digits.lower()) - set("0123456789abcdef"):
        return undecided("内核没有给出微码版本。", "The kernel tells no microcode revision.", seen)
    if int(digits, 16) == 0:
        return failed("没有装入微码。", "No microcode is loaded.", seen)
    return passed(f"微码版本 {text}。", f"The microcode revision is {text}.", seen)


def aes(facts: Facts) -> Verdict:
    """Every processor has AES instructions: the vault depends on their speed."""
    cpu = facts.cpu
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    seen = Evidence.of(_CPUINFO, f"{cpu.model or 'processor'}: {'aes' in cpu.flags}")
    if "aes" in cpu.flags:
        return passed("处理器有 AES 指令。", "The processors have AES instructions.", seen)
    return failed("处理器没有 AES 指令。", "The processors have no AES instructions.", seen)


def memory_encryption(facts: Facts) -> Verdict:
    """Main memory is encrypted: as a confidential host, a confidential guest, or by SME."""
    cpu, memory = facts.cpu, facts.memory
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    if isinstance(memory, Unread):
        return could_not_read(memory)
    guest = cpu.virtual and ("tdx_guest" in cpu.flags or memory.guest_devices)
    if guest:
        seen = Evidence.of("guest", " ".join(memory.guest_devices) or "flag tdx_guest")
        return passed("运行在机密虚拟机中。", "The machine is a confidential guest.", seen)
    if memory.snp_host is True or memory.tdx_host is True:
        name = "SEV-SNP" if memory.snp_host is True else "TDX"
        seen = Evidence.of("kvm", name)
        return passed(f"内存由 {name} 加密。", f"Memory is encrypted by {name}.", seen)
    if "sme" in cpu.flags and _parameter(facts, "mem_encrypt") == "on":
        seen = Evidence.of("/proc/cmdline", "mem_encrypt=on")
        return passed("内存由 SME 加密。", "Memory is encrypted by SME.", seen)
    return _able(cpu)


def _able(cpu: CpuFacts) -> Verdict:
    able = sorted(cpu.flags & {"sme", "sev", "sev_snp", "tme", "tdx_host_platform"})
    seen = Evidence.of(_CPUINFO, ", ".join(able) or "no memory encryption flag")
    if able:
        return undecided(
            "处理器能加密内存,但读不到固件是否已开启。",
            "The processor can encrypt memory; whether the firmware switched it on is not readable.",
            seen,
        )
    if cpu.virtual:
        return undecided(
            "虚拟机看不到宿主机是否加密内存。",
            "A virtual machine does not see whether its host encrypts memory.",
            seen,
        )
    return failed("内存未加密。", "Memory is not encrypted.", seen)


def _parameter(facts: Facts, name: str) -> str | None:
    """The last value of a kernel parameter."""
    if isinstance(facts.kernel, Unread) or isinstance(facts.kernel.command_line, Unread):
        return None
    values = [word for word in facts.kernel.command_line if word.startswith(f"{name}=")]
    return values[-1].partition("=")[2] if values else None


CHECKS: Final = (
    Check(
        "cpu.vulnerabilities",
        2,
        Impact.HIGH,
        Text(
            "处理器漏洞已缓解",
            "一个程序可以读到另一个程序的内存。",
            "更新微码与内核;必要时加 mitigations=auto,nosmt。",
        ),
        Text(
            "Processor flaws mitigated",
            "One program can read the memory of another.",
            "Update microcode and kernel; where still open, add mitigations=auto,nosmt.",
        ),
        ("Linux admin-guide: hw-vuln",),
        vulnerabilities,
    ),
    Check(
        "cpu.microcode",
        2,
        Impact.HIGH,
        Text(
            "微码一致且不过旧",
            "旧微码含有已知漏洞。",
            "更新 BIOS 或安装 intel-microcode / amd64-microcode。",
        ),
        Text(
            "Microcode consistent and not outdated",
            "Old microcode has known flaws.",
            "Update the BIOS or install intel-microcode or amd64-microcode.",
        ),
        ("Linux arch/x86: microcode",),
        microcode,
    ),
    Check(
        "cpu.aes",
        1,
        Impact.MEDIUM,
        Text(
            "处理器有 AES 指令", "加密库的速度不足以工作。", "在 BIOS 中启用 AES-NI,或更换处理器。"
        ),
        Text(
            "Processors have AES instructions",
            "The vault is too slow to work with.",
            "Switch on AES-NI in the BIOS setup, or replace the processor.",
        ),
        ("FIPS 197",),
        aes,
    ),
    Check(
        "memory.encryption",
        4,
        Impact.MEDIUM,
        Text(
            "内存加密",
            "拔下的内存条可以读出病人数据。",
            "在 BIOS 中开启 TME/TSME,或使用 SEV-SNP、TDX。",
        ),
        Text(
            "Memory encryption",
            "Patient data can be read from memory modules that were pulled out.",
            "Switch on TME or TSME in the BIOS setup, or run under SEV-SNP or TDX.",
        ),
        ("fwupd HSI-4 Encrypted RAM",),
        memory_encryption,
    ),
)
