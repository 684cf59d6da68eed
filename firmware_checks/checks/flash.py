"""Checks of flash and management engine: what fwupd's Host Security ID tells of the board."""

from collections.abc import Callable, Mapping
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
from firmware_checks.platform_facts import HsiAttribute

_SOURCE: Final = "fwupdmgr security"


def _all_good(facts: Facts, *names: str) -> Verdict:
    """Those of the attributes that fwupd tells are all good, and it tells at least one.

    Boards of different makers have different ones of them; one that fwupd itself lacked data for
    is never a pass.
    """
    if isinstance(facts.hsi, Unread):
        return could_not_read(facts.hsi)
    told = {name: facts.hsi[name] for name in names if name in facts.hsi}
    bad = {name: one for name, one in told.items() if not one.success and not one.missing}
    if bad:
        return failed("固件的保护未生效。", "A protection of the firmware is off.", *_seen(bad))
    unknown = {name: one for name, one in told.items() if one.missing}
    if unknown or not told:
        nothing = Evidence.of(_SOURCE, f"nothing about {', '.join(names)}")
        return undecided(
            "fwupd 未能判断此项。",
            "fwupd could not tell about this.",
            *(_seen(unknown) or (nothing,)),
        )
    return passed("固件的保护已生效。", "The protections of the firmware are on.", *_seen(told))


def _seen(told: Mapping[str, HsiAttribute]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence.of(f"{_SOURCE} {name}", one.result or ("success" if one.success else "no result"))
        for name, one in told.items()
    )


def write_protected(facts: Facts) -> Verdict:
    """The flash with the firmware cannot be written by the operating system."""
    return _all_good(facts, "Spi.Bioswe", "Spi.Ble", "Amd.SpiWriteProtection")


def management_only(facts: Facts) -> Verdict:
    """Only system management mode writes the flash, and its memory is locked."""
    return _all_good(facts, "Spi.SmmBwp", "Amd.SmmLocked")


def descriptor(facts: Facts) -> Verdict:
    """The flash's own map of regions is read-only, and old content cannot be played back."""
    return _all_good(facts, "Spi.Descriptor", "Amd.SpiReplayProtection")


def engine_locked(facts: Facts) -> Verdict:
    """The management engine left its factory state: keys are fused, no override is set."""
    return _all_good(
        facts, "Mei.ManufacturingMode", "Mei.OverrideStrap", "Mei.KeyManifest", "PlatformFused"
    )


def engine_version(facts: Facts) -> Verdict:
    """The management engine's firmware has no published flaw that fwupd knows."""
    cpu = facts.cpu
    if not isinstance(cpu, Unread) and "svm" in cpu.flags:
        # SVM is what AMD and Hygon call their virtualisation: such boards have no engine of Intel's.
        seen = Evidence.of("/proc/cpuinfo", "svm")
        return not_applicable(
            "此处理器没有 Intel 管理引擎。",
            "The processor has no management engine of Intel's.",
            seen,
        )
    return _all_good(facts, "Mei.Version")


def verified_start(facts: Facts) -> Verdict:
    """The processor itself verifies the firmware before it runs it."""
    return _all_good(
        facts,
        "IntelBootguard.Enabled",
        "IntelBootguard.Verified",
        "IntelBootguard.Acm",
        "IntelBootguard.Policy",
        "IntelBootguard.Otp",
        "Amd.PlatformSecureBoot",
    )


def debug_locked(facts: Facts) -> Verdict:
    """Nobody can attach a hardware debugger to the processor."""
    return _all_good(
        facts, "IntelDci.Enabled", "IntelDci.Locked", "PlatformDebugEnabled", "PlatformDebugLocked"
    )


def rollback(facts: Facts) -> Verdict:
    """The board refuses firmware older than what it has run."""
    return _all_good(facts, "Amd.RollbackProtection", "Bios.RollbackProtection")


def variables(facts: Facts) -> Verdict:
    """Variables meant for the firmware's own start cannot be reached from the system."""
    return _all_good(facts, "Uefi.BootserviceVars")


def _check(
    name: str,
    level: int,
    impact: Impact,
    words: tuple[Text, Text],
    judge: Callable[[Facts], Verdict],
) -> Check:
    zh, en = words
    return Check(name, level, impact, zh, en, (f"fwupd HSI-{level}", "NIST SP 800-147B"), judge)


_SETUP_ZH: Final = "在 BIOS 中开启对应保护;没有此选项时升级固件或联系厂商。"
_SETUP_EN: Final = "Switch it on in the BIOS setup; where there is no such option, ask the maker."

CHECKS: Final = (
    _check(
        "flash.write-protected",
        1,
        Impact.CRITICAL,
        (
            Text("固件闪存写保护", "取得 root 的人可以改写固件,重装系统也清除不掉。", _SETUP_ZH),
            Text(
                "Flash write-protected",
                "Whoever becomes root can rewrite the firmware; a new installation does not help.",
                _SETUP_EN,
            ),
        ),
        write_protected,
    ),
    _check(
        "flash.management-only",
        1,
        Impact.HIGH,
        (
            Text("仅系统管理模式可写闪存", "普通程序可以绕过写保护。", _SETUP_ZH),
            Text(
                "Only management mode writes the flash",
                "Ordinary programs can pass by the write protection.",
                _SETUP_EN,
            ),
        ),
        management_only,
    ),
    _check(
        "flash.descriptor-locked",
        2,
        Impact.HIGH,
        (
            Text("闪存描述符锁定", "攻击者可以改变闪存分区的权限。", _SETUP_ZH),
            Text(
                "Flash descriptor locked",
                "An attacker can change who may write which region of the flash.",
                _SETUP_EN,
            ),
        ),
        descriptor,
    ),
    _check(
        "engine.production",
        1,
        Impact.CRITICAL,
        (
            Text(
                "管理引擎已退出出厂模式", "出厂模式下固件密钥可以替换。", "联系厂商完成出厂封装。"
            ),
            Text(
                "Management engine left factory mode",
                "In factory mode the keys of the firmware can be replaced.",
                "Have the maker close the board's manufacturing mode.",
            ),
        ),
        engine_locked,
    ),
    _check(
        "engine.version",
        1,
        Impact.HIGH,
        (
            Text("管理引擎固件无已知漏洞", "可以从网络或本机控制整台机器。", "升级厂商固件。"),
            Text(
                "Management engine without known flaws",
                "The whole machine can be taken over through it.",
                "Update the maker's firmware.",
            ),
        ),
        engine_version,
    ),
    _check(
        "firmware.verified-start",
        2,
        Impact.HIGH,
        (
            Text(
                "处理器验证固件",
                "换掉闪存芯片即可运行任意固件。",
                "选用已启用 Boot Guard/PSB 的主板。",
            ),
            Text(
                "Processor verifies the firmware",
                "Any firmware runs once the flash chip is exchanged.",
                "Use a board on which Boot Guard or Platform Secure Boot is fused on.",
            ),
        ),
        verified_start,
    ),
    _check(
        "debug.locked",
        2,
        Impact.HIGH,
        (
            Text("硬件调试关闭", "接上调试线即可读写全部内存。", _SETUP_ZH),
            Text(
                "Hardware debugging locked",
                "A debug cable reads and writes all memory.",
                _SETUP_EN,
            ),
        ),
        debug_locked,
    ),
    _check(
        "firmware.rollback",
        3,
        Impact.MEDIUM,
        (
            Text("拒绝旧固件", "可以刷回有漏洞的旧固件。", _SETUP_ZH),
            Text(
                "Old firmware refused",
                "Old firmware with flaws can be written back.",
                _SETUP_EN,
            ),
        ),
        rollback,
    ),
    _check(
        "firmware.variables-closed",
        1,
        Impact.MEDIUM,
        (
            Text("固件内部变量不外露", "系统可以改动只应由固件使用的设置。", "升级厂商固件。"),
            Text(
                "Firmware's own variables closed",
                "The system can change settings meant for the firmware alone.",
                "Update the maker's firmware.",
            ),
        ),
        variables,
    ),
)
