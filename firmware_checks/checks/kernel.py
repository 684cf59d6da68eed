"""Checks of the running kernel: lockdown, module signatures, taint, command line, core dumps."""

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
from firmware_checks.checks.parameters import weakening
from firmware_checks.facts import CoreDumpFacts, Facts, Unread

# Documentation/admin-guide/tainted-kernels.rst. A GPU driver from outside the kernel sets O, and
# a closed one P; a warning (W) or a live patch (K) alone does not tell of unsound ground.
_SEVERE_TAINTS: Final = {
    1: "F: a module was loaded by force",
    2: "S: processor outside its specification",
    3: "R: a module was removed by force",
    4: "M: machine check exception",
    5: "B: bad page",
    6: "U: tainted by a user",
    7: "D: the kernel has died before",
    8: "A: ACPI table overridden",
    13: "E: unsigned module",
    14: "L: soft lockup",
}
_KNOWN_TAINTS: Final = 20
_IMA: Final = "/sys/kernel/security/ima"
_SHOWN: Final = 8
_DUMP_SINKS: Final = frozenset({"|/bin/false", "|/usr/bin/false", "|/bin/true", "|/usr/bin/true"})


def lockdown(facts: Facts) -> Verdict:
    """The kernel is locked down against its own administrator."""
    if isinstance(facts.kernel, Unread):
        return could_not_read(facts.kernel)
    level = facts.kernel.lockdown
    if isinstance(level, Unread):
        return could_not_read(level)
    seen = Evidence.of("/sys/kernel/security/lockdown", level)
    if level == "none":
        return failed("内核未锁定。", "The kernel is not locked down.", seen)
    return passed(f"内核已锁定({level})。", f"The kernel is locked down ({level}).", seen)


def module_signatures(facts: Facts) -> Verdict:
    """Unsigned modules cannot be loaded, by whichever of three ways."""
    if isinstance(facts.kernel, Unread):
        return could_not_read(facts.kernel)
    kernel = facts.kernel
    if kernel.module_signatures is True:
        seen = Evidence.of("/sys/module/module/parameters/sig_enforce", "Y")
        return passed("只装入有签名的模块。", "Only signed modules are loaded.", seen)
    if kernel.lockdown in {"integrity", "confidentiality"}:
        seen = Evidence.of("/sys/kernel/security/lockdown", kernel.lockdown)
        return passed("锁定模式要求模块签名。", "Lockdown demands signed modules.", seen)
    if isinstance(kernel.module_signatures, Unread):
        return could_not_read(kernel.module_signatures)
    seen = Evidence.of("/sys/module/module/parameters/sig_enforce", "N")
    return failed("可以装入无签名的模块。", "Unsigned modules can be loaded.", seen)


def taint(facts: Facts) -> Verdict:
    """Nothing has happened to the running kernel that makes it unsound."""
    if isinstance(facts.kernel, Unread):
        return could_not_read(facts.kernel)
    bits = facts.kernel.taint
    if isinstance(bits, Unread):
        return could_not_read(bits)
    found = [words for bit, words in _SEVERE_TAINTS.items() if bits >> bit & 1]
    if bits < 0 or bits >> _KNOWN_TAINTS:
        found.append("unknown bits")
    seen = Evidence.of("/proc/sys/kernel/tainted", f"{bits} {'; '.join(found)}".strip())
    if found:
        return failed("内核已被污染。", "The kernel is tainted.", seen)
    return passed("内核没有严重污染。", "The kernel has no severe taint.", seen)


def command_line(facts: Facts) -> Verdict:
    """No parameter switches a protection off or starts something other than the system."""
    if isinstance(facts.kernel, Unread):
        return could_not_read(facts.kernel)
    words = facts.kernel.command_line
    if isinstance(words, Unread):
        return could_not_read(words)
    found = [word for word in words if weakening(word)]
    if found:
        return failed(
            "内核命令行含有削弱防护的参数。",
            "The kernel command line weakens protections.",
            *(Evidence.of("/proc/cmdline", word) for word in found),
        )
    return passed(
        "内核命令行没有削弱防护的参数。",
        "The kernel command line weakens nothing.",
        Evidence.of("/proc/cmdline", " ".join(words)),
    )


def core_dumps(facts: Facts) -> Verdict:
    """A crashing program leaves no copy of its memory, which holds patient data, on a disk."""
    dumps = facts.core_dumps
    if isinstance(dumps, Unread):
        return could_not_read(dumps)
    if isinstance(dumps.pattern, Unread):
        return could_not_read(dumps.pattern)
    if isinstance(dumps.suid_dumpable, Unread):
        return could_not_read(dumps.suid_dumpable)
    pattern = Evidence.of("/proc/sys/kernel/core_pattern", dumps.pattern)
    privileged = Evidence.of("/proc/sys/fs/suid_dumpable", dumps.suid_dumpable)
    if dumps.suid_dumpable == 1:
        return failed("特权程序会转储内存。", "Privileged programs dump memory.", privileged)
    return _sink(dumps, dumps.pattern.strip(), pattern)


def _sink(dumps: CoreDumpFacts, pattern: str, seen: Evidence) -> Verdict:
    if pattern in _DUMP_SINKS:
        return passed("转储被丢弃。", "Core dumps are thrown away.", seen)
    if pattern.startswith("|"):
        program = pattern.split(maxsplit=1)[0]
        if program.endswith("/systemd-coredump") and dumps.systemd_storage == "none":
            storage_seen = Evidence.of("/etc/systemd/coredump.conf", "Storage=none")
            return passed("systemd 不保存转储。", "systemd keeps no core dump.", seen, storage_seen)
        return failed("转储交给程序保存。", "Core dumps are handed to a program.", seen)
    limit = dumps.first_process_limit
    if isinstance(limit, Unread):
        return could_not_read(limit)
    limit_seen = Evidence.of("/proc/1/limits", limit)
    if limit == "0":
        return passed("转储大小限制为 0。", "Core dumps are limited to 0 bytes.", seen, limit_seen)
    return failed("转储会写入磁盘。", "Core dumps are written to disk.", seen, limit_seen)


def measures(facts: Facts) -> Verdict:
    """The kernel measures what it runs, and no file was written while it was measured."""
    if isinstance(facts.ima, Unread):
        return could_not_read(facts.ima)
    files = [entry for entry in facts.ima.entries if not entry.boot_aggregate]
    torn = [entry.name for entry in files if entry.violation]
    if not files:
        seen = Evidence.of(_IMA, "nothing but boot_aggregate")
        return failed("内核没有度量任何程序。", "The kernel measures no program.", seen)
    if torn:
        return failed(
            "有文件在度量时被写入。",
            "Files were written while they were measured.",
            *(Evidence.of(_IMA, name) for name in torn[:_SHOWN]),
        )
    seen = Evidence.of(_IMA, f"{len(files)} files", steady=False)
    return passed("内核在度量所运行的程序。", "The kernel measures what runs.", seen)


CHECKS: Final = (
    Check(
        "kernel.lockdown",
        3,
        Impact.HIGH,
        Text(
            "内核锁定",
            "取得 root 的人可以改写内核内存。",
            "在内核命令行加入 lockdown=integrity,或开启安全启动。",
        ),
        Text(
            "Kernel lockdown",
            "Whoever becomes root can rewrite kernel memory.",
            "Add lockdown=integrity to the kernel command line, or switch on Secure Boot.",
        ),
        ("kernel_lockdown(7)", "fwupd HSI runtime Linux Kernel Lockdown"),
        lockdown,
    ),
    Check(
        "kernel.module-signatures",
        3,
        Impact.HIGH,
        Text(
            "只装入有签名的模块",
            "恶意驱动可以进入内核。",
            "在内核命令行加入 module.sig_enforce=1。",
        ),
        Text(
            "Only signed modules",
            "A hostile driver can enter the kernel.",
            "Add module.sig_enforce=1 to the kernel command line.",
        ),
        ("Linux admin-guide: module-signing",),
        module_signatures,
    ),
    Check(
        "kernel.taint",
        1,
        Impact.HIGH,
        Text("内核未被污染", "内核出过错,或装入过来历不明的代码。", "查看 dmesg,排除原因后重启。"),
        Text(
            "Kernel not tainted",
            "The kernel has failed before, or has loaded code of unknown origin.",
            "Read dmesg, remove the cause and restart.",
        ),
        ("Linux admin-guide: tainted-kernels",),
        taint,
    ),
    Check(
        "kernel.command-line",
        1,
        Impact.CRITICAL,
        Text(
            "内核命令行未削弱防护",
            "防护被关闭,或直接进入了救援外壳。",
            "删除所列参数,更新引导配置并重启。",
        ),
        Text(
            "Command line weakens nothing",
            "Protections are off, or the machine started into a rescue shell.",
            "Remove the parameters named, update the boot configuration and restart.",
        ),
        ("Linux admin-guide: kernel-parameters",),
        command_line,
    ),
    Check(
        "core-dumps.off",
        2,
        Impact.MEDIUM,
        Text(
            "不留内存转储",
            "程序崩溃时,病人数据会明文写到磁盘。",
            "设置 kernel.core_pattern=|/bin/false 与 fs.suid_dumpable=0。",
        ),
        Text(
            "No core dumps",
            "When a program crashes, patient data is written to disk in the clear.",
            "Set kernel.core_pattern=|/bin/false and fs.suid_dumpable=0.",
        ),
        ("core(5)", "CIS Debian Benchmark 1.5"),
        core_dumps,
    ),
    Check(
        "ima.measures",
        3,
        Impact.MEDIUM,
        Text(
            "内核度量所运行的程序",
            "事后无法证明本机运行过哪些程序。",
            "在内核命令行加入 ima_policy=tcb(或发行版提供的策略)并重启。",
        ),
        Text(
            "Kernel measures what runs",
            "Nobody can prove afterwards which programs have run.",
            "Add ima_policy=tcb (or the distribution's policy) to the kernel command line.",
        ),
        ("Linux security: IMA", "NIST SP 800-155"),
        measures,
    ),
)
