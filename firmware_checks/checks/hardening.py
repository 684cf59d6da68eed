"""Checks of switches of the running kernel that keep programs away from its memory."""

from collections.abc import Callable
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
from firmware_checks.facts import Facts, Unread
from firmware_checks.platform_facts import HardeningFacts
from firmware_checks.reading import Reading

_SYSCTL: Final = "/proc/sys/kernel"
_GUARDS: Final = ("smep", "smap", "nx")


def _at_least(
    facts: Facts, pick: Callable[[HardeningFacts], Reading[int]], name: str, least: int = 1
) -> Verdict:
    """The switch stands at `least` or above."""
    if isinstance(facts.hardening, Unread):
        return could_not_read(facts.hardening)
    value = pick(facts.hardening)
    if isinstance(value, Unread):
        return could_not_read(value)
    seen = Evidence.of(f"{_SYSCTL}/{name}", value)
    if value < least:
        return failed(
            f"{name} 为 {value},应不小于 {least}。", f"{name} is {value}, below {least}.", seen
        )
    return passed(f"{name} 已设置。", f"{name} is set.", seen)


def kexec(facts: Facts) -> Verdict:
    """No other kernel can be started from the running one, unless lockdown demands signed ones."""
    verdict = _at_least(facts, lambda found: found.kexec_disabled, "kexec_load_disabled")
    kernel = facts.kernel
    if isinstance(kernel, Unread) or kernel.lockdown not in {"integrity", "confidentiality"}:
        return verdict
    return passed(
        "锁定模式只允许有签名的内核。",
        "Lockdown allows signed kernels only.",
        Evidence.of("/sys/kernel/security/lockdown", kernel.lockdown),
    )


def unprivileged_bpf(facts: Facts) -> Verdict:
    """Ordinary users cannot load programs into the kernel."""
    return _at_least(facts, lambda found: found.bpf_disabled, "unprivileged_bpf_disabled")


def pointers(facts: Facts) -> Verdict:
    """Addresses of the kernel are hidden from ordinary users."""
    return _at_least(facts, lambda found: found.kptr_restrict, "kptr_restrict")


def messages(facts: Facts) -> Verdict:
    """The kernel's messages, which tell addresses and devices, are for administrators only."""
    return _at_least(facts, lambda found: found.dmesg_restrict, "dmesg_restrict")


def tracing(facts: Facts) -> Verdict:
    """A program cannot read the memory of another of the same user."""
    return _at_least(facts, lambda found: found.ptrace_scope, "yama/ptrace_scope")


def guards(facts: Facts) -> Verdict:
    """The processor keeps the kernel from running or reading what belongs to programs."""
    cpu = facts.cpu
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    lacking = [flag for flag in _GUARDS if flag not in cpu.flags]
    seen = Evidence.of("/proc/cpuinfo", f"without {', '.join(lacking)}" if lacking else "all")
    if lacking and "lm" not in cpu.flags:
        return undecided(
            "此处理器架构不显示这些标志。",
            "Processors of this kind do not show these flags.",
            seen,
        )
    if lacking:
        return failed("处理器保护缺失。", "Guards of the processor are missing.", seen)
    return passed("处理器保护齐全。", "The guards of the processor are on.", seen)


def _sysctl(name: str) -> tuple[str, str]:
    return (
        f"在 /etc/sysctl.d 中设置 kernel.{name}=1 并重启。",
        f"Set kernel.{name}=1 in /etc/sysctl.d and restart.",
    )


def _check(
    name: str,
    level: int,
    words: tuple[str, str, str, str],
    remedy: tuple[str, str],
    judge: Callable[[Facts], Verdict],
) -> Check:
    zh_title, zh_harm, en_title, en_harm = words
    return Check(
        name,
        level,
        Impact.MEDIUM,
        Text(zh_title, zh_harm, remedy[0]),
        Text(en_title, en_harm, remedy[1]),
        ("Linux admin-guide: sysctl/kernel", "KSPP recommended settings"),
        judge,
    )


CHECKS: Final = (
    _check(
        "kernel.kexec",
        3,
        (
            "不能换入其他内核",
            "取得 root 的人可以绕过安全启动换上自己的内核。",
            "No other kernel without a start",
            "Whoever becomes root can start a kernel of their own past Secure Boot.",
        ),
        _sysctl("kexec_load_disabled"),
        kexec,
    ),
    _check(
        "kernel.unprivileged-bpf",
        2,
        (
            "普通用户不能装入 BPF",
            "BPF 验证器的漏洞多次导致提权。",
            "No BPF for ordinary users",
            "Flaws of the BPF verifier have led to root more than once.",
        ),
        _sysctl("unprivileged_bpf_disabled"),
        unprivileged_bpf,
    ),
    _check(
        "kernel.pointers-hidden",
        2,
        (
            "隐藏内核地址",
            "知道内核地址后,利用漏洞要容易得多。",
            "Kernel addresses hidden",
            "Flaws are far easier to use for whoever knows the kernel's addresses.",
        ),
        _sysctl("kptr_restrict"),
        pointers,
    ),
    _check(
        "kernel.messages-closed",
        2,
        (
            "内核消息仅限管理员",
            "内核消息会泄露地址与设备信息。",
            "Kernel messages for administrators only",
            "The kernel's messages tell addresses and devices.",
        ),
        _sysctl("dmesg_restrict"),
        messages,
    ),
    _check(
        "kernel.tracing-limited",
        2,
        (
            "限制进程跟踪",
            "一个程序可以读取同一用户其他程序的内存。",
            "Tracing of programs limited",
            "A program can read the memory of others of the same user.",
        ),
        _sysctl("yama.ptrace_scope"),
        tracing,
    ),
    _check(
        "cpu.guards",
        1,
        (
            "处理器内存保护齐全",
            "内核漏洞可以直接执行程序中的代码。",
            "Processor guards memory",
            "A flaw of the kernel can run code of a program directly.",
        ),
        (
            "更换 2016 年以后的服务器处理器,并删除 nosmep、nosmap 参数。",
            "Use a server processor made after 2016; remove the parameters nosmep and nosmap.",
        ),
        guards,
    ),
)
