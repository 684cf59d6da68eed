"""How the running box keeps its keys, judged: suite, locked memory, no core dumps, no reader."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from appliance.vault.opened import Opened
from firmware_checks.catalogue import reference_markdown
from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    failed,
    passed,
    undecided,
)
from firmware_checks.facts import Facts
from firmware_checks.report import Finding, Report
from secure_compute.guard import dumpable, leaves_no_core
from secure_compute.locked import ARENA
from secure_compute.plug import PLUG
from secure_compute.suites import Suite

_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the process that holds the keys tells of itself.

    Attributes:
        suite: What new keys are wrapped with.
        module: The module of Chinese commercial cryptography.
        foreign: Keys that are wrapped with another algorithm than the suite's, use/version.
        pages: Pages of memory taken for keys.
        unlocked: How many of them the system refused to lock.
        core: Whether a crash of it would leave a core dump.
        traceable: Whether processes of the same user may read its memory.
    """

    suite: Suite
    module: str
    foreign: tuple[str, ...]
    pages: int
    unlocked: int
    core: bool
    traceable: bool


def keeping(opened: Opened) -> Keeping:
    """Look at this process and at the keys of an open vault; costs nothing."""
    suite, memory = opened.suite, ARENA.use()
    wrapped = [(key.wrapped, key.wrapped.sealed.algorithm) for key in opened.book.keys]
    return Keeping(
        suite=suite,
        module=PLUG.module.name,
        foreign=tuple(
            sorted(f"{one.use}/{one.version}" for one, by in wrapped if by != suite.aead)
        ),
        pages=memory.pages,
        unlocked=memory.unlocked,
        core=not leaves_no_core(),
        traceable=dumpable(),
    )


def with_keeping(run: Callable[[], Report], look: Callable[[], Keeping]) -> Callable[[], Report]:
    """Make a run of the machine's checks one that also judges how the keys are kept."""
    return lambda: Report((*run().findings, *judged(look())))


def judged(seen: Keeping) -> tuple[Finding, ...]:
    """One finding for each check of this page."""
    return tuple(Finding(check, _JUDGES[check.id](seen)) for check in CHECKS)


def page() -> str:
    """The reference of these checks; docs/reference/box-checks.md holds exactly this text."""
    return reference_markdown(CHECKS, "一体机自查 Checks of the running box")


def _suite(seen: Keeping) -> Verdict:
    told = Evidence.of("vault.suite", f"{seen.suite.id}: {seen.suite.en}; {seen.module}")
    if not seen.foreign:
        zh, en = f"{seen.suite.zh}。", f"{seen.suite.en[0].upper()}{seen.suite.en[1:]}."
        return passed(zh, en, told)
    names = ", ".join(seen.foreign[:_SHOWN])
    zh = f"套件为{seen.suite.zh},但 {len(seen.foreign)} 个密钥仍以另一套件封装。"
    en = f"{len(seen.foreign)} keys are still wrapped by another suite than the one chosen ({seen.suite.id})."
    return failed(zh, en, told, Evidence.of("wrapped otherwise", names))


def _memory(seen: Keeping) -> Verdict:
    told = Evidence.of("mlock", f"{seen.unlocked} refused", steady=True)
    if seen.unlocked:
        return failed(
            "部分密钥内存可被换出到磁盘。", "Memory of keys may be swapped to disk.", told
        )
    return passed("密钥内存已锁定。", "The memory of keys is locked.", told)


def _core(seen: Keeping) -> Verdict:
    if seen.core:
        told = Evidence.of("RLIMIT_CORE", "not 0")
        return failed("崩溃会留下内存转储。", "A crash would leave a core dump.", told)
    told = Evidence.of("RLIMIT_CORE", "0")
    return passed("崩溃不会留下内存转储。", "A crash leaves no core dump.", told)


def _reader(seen: Keeping) -> Verdict:
    told = Evidence.of("PR_GET_DUMPABLE", "1" if seen.traceable else "0")
    if seen.traceable:
        zh, en = "同一用户的程序可读取密钥内存。", "Programs of the same user can read keys."
        return failed(zh, en, told)
    zh, en = "同一用户的程序读不到密钥内存。", "Programs of the same user cannot read keys."
    return passed(zh, en, told)


def _elsewhere(_: Facts) -> Verdict:
    zh, en = "只有运行中的一体机能回答。", "Only the running box can tell."
    return undecided(zh, en)


CHECKS: Final = (
    Check(
        "keys.suite",
        2,
        Impact.MEDIUM,
        Text(
            "密码套件",
            "一部分密钥由未选用的算法保护。",
            "运行 wardbox vault rotate,全部重新封装。",
        ),
        Text(
            "Suite of algorithms",
            "Some keys are protected by algorithms that were not chosen.",
            "Run wardbox vault rotate: all are wrapped anew.",
        ),
        ("GM/T 0054", "GB/T 39786", "docs/operate/keys.md"),
        _elsewhere,
    ),
    Check(
        "keys.core-dumps",
        1,
        Impact.HIGH,
        Text(
            "密钥进程不转储",
            "崩溃时密钥与病人数据会写到磁盘。",
            "用 wardbox supervise 启动服务,且不要提高其 LimitCORE。",
        ),
        Text(
            "No core dumps of keys",
            "A crash writes keys and patient data to a disk.",
            "Start the service by wardbox supervise and leave its LimitCORE alone.",
        ),
        ("getrlimit(2)", "core(5)"),
        _elsewhere,
    ),
    Check(
        "keys.not-readable",
        1,
        Impact.HIGH,
        Text(
            "密钥进程不可读取",
            "同一用户下的任何程序都能取走密钥。",
            "重新启动服务;若仍如此,说明内核拒绝 PR_SET_DUMPABLE,请联系厂商。",
        ),
        Text(
            "Keys out of reach of other programs",
            "Any program of the same user can take the keys.",
            "Start the service again; if it stays so, the kernel refuses PR_SET_DUMPABLE: ask the vendor.",
        ),
        ("prctl(2)", "ptrace(2)"),
        _elsewhere,
    ),
    Check(
        "keys.memory-locked",
        2,
        Impact.HIGH,
        Text(
            "密钥内存锁定",
            "内存紧张时密钥会被写入交换区。",
            "在服务单元中提高 LimitMEMLOCK(如 64M),再启动服务。",
        ),
        Text(
            "Memory of keys locked",
            "Short of memory, the system writes keys to swap.",
            "Raise LimitMEMLOCK of the service (64M, say) and start it again.",
        ),
        ("mlock(2)", "systemd.exec(5) LimitMEMLOCK"),
        _elsewhere,
    ),
)
"""What `wardbox firmware check` cannot see: it runs in another process."""

_JUDGES: Final = MappingProxyType(
    {
        "keys.suite": _suite,
        "keys.core-dumps": _core,
        "keys.not-readable": _reader,
        "keys.memory-locked": _memory,
    }
)
