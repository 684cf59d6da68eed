"""Checks of Secure Boot's keys and revocations: test keys, age of dbx, shim, what was started."""

from collections.abc import Iterator
from datetime import date
from types import MappingProxyType
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
from firmware_checks.checks.secure_boot import VARIABLES, legacy, names_a_test_key
from firmware_checks.eventlog.events import BOOT_SERVICES_APPLICATION
from firmware_checks.facts import Facts, SecureBootFacts, Unread

# One Authenticode hash that came with each release of Microsoft's dbx for x64, newest first.
# Source: microsoft/secureboot_objects, dbx_info_msft_latest.json; UEFI Forum, dbxupdate_x64.bin.
_RELEASES: Final = MappingProxyType(
    {
        "2026-04-09": "a0de9333442c1bf9349a460141ae5e80f911955c6506040fa3d021bf6c1ae3e4",
        "2025-09-02": "e14c88dc48339c0555686849a4e3f8986d558e65c4fc863a1a4f1d40478bd47c",
        "2025-05-07": "0bc4f078388d41ab039f87ae84cf8d39302ccbdd70c4ade02263ebfce6def0f5",
        "2020-07-01": "c805603c4fa038776e42f263c604b49d96840322e1922d5606a9b0bbb5bffe6f",
        "2014-08-11": "80b4d96931bf0d02fd91a61e19d14f1da452e66db2408ca8604d411f92659f0a",
    },
)
# The box's own floor; a baseline may ask for more.
_OLDEST: Final = "2025-05-07"
# shim 15.8 and CVE-2023-40547: components below these are revoked by SBAT 2024010900.
_SHIM_LEVEL: Final = 2024010900
_DIGEST: Final = 32


def setup_closed(facts: Facts) -> Verdict:
    """Nobody can enrol keys without being asked: neither setup mode nor audit mode is on."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    return _closed(boot) if boot.efi else legacy()


def _closed(boot: SecureBootFacts) -> Verdict:
    if isinstance(boot.setup_mode, Unread):
        return could_not_read(boot.setup_mode)
    seen = Evidence.of(f"{VARIABLES}/SetupMode", boot.setup_mode)
    if boot.setup_mode != 0:
        return failed("固件处于设置模式。", "The firmware is in setup mode.", seen)
    if isinstance(boot.audit_mode, Unread):
        return could_not_read(boot.audit_mode)
    audit = Evidence.of(f"{VARIABLES}/AuditMode", boot.audit_mode)
    if boot.audit_mode != 0:
        return failed("固件处于审计模式。", "The firmware is in audit mode.", audit)
    return passed("密钥库已关闭。", "The key store is closed.", seen, audit)


def test_keys(facts: Facts) -> Verdict:
    """Neither the key exchange keys nor the allowed keys hold a sample key."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    return _stores(boot) if boot.efi else legacy()


def _stores(boot: SecureBootFacts) -> Verdict:
    stores = {"KEK": boot.exchange_keys, "db": boot.allowed}
    for name, store in stores.items():
        if not isinstance(store, Unread) and names_a_test_key(store):
            seen = Evidence.of(f"{VARIABLES}/{name}", "DO NOT TRUST")
            return failed("密钥库中有测试密钥。", "A key store holds a test key.", seen)
    if isinstance(boot.exchange_keys, Unread):
        return could_not_read(boot.exchange_keys)
    if isinstance(boot.allowed, Unread):
        return could_not_read(boot.allowed)
    if not boot.exchange_keys or not boot.allowed:
        seen = Evidence.of(VARIABLES, "KEK or db is empty")
        return failed("密钥库为空。", "A key store is empty.", seen)
    sizes = f"{len(boot.exchange_keys)} and {len(boot.allowed)} bytes"
    return passed(
        "密钥库中没有测试密钥。",
        "The key stores hold no test key.",
        Evidence.of(f"{VARIABLES}/KEK, db", sizes),
    )


def revocations_new(facts: Facts) -> Verdict:
    """The revocation list is not older than the floor."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    if not boot.efi:
        return legacy()
    if isinstance(boot.revoked, Unread):
        return could_not_read(boot.revoked)
    cpu = facts.cpu
    if isinstance(cpu, Unread):
        return could_not_read(cpu)
    if "lm" not in cpu.flags:
        seen = Evidence.of("/proc/cpuinfo", "not x64")
        return undecided("只认得 x64 的撤销列表。", "Only lists for x64 are known here.", seen)
    return _aged(boot.revoked, _wanted(facts))


def _wanted(facts: Facts) -> str:
    asked = "" if isinstance(facts.golden, Unread) else facts.golden.revoked_since
    return max(asked, _OLDEST)


def _aged(revoked: bytes, wanted: str) -> Verdict:
    age = next((day for day, mark in _RELEASES.items() if bytes.fromhex(mark) in revoked), "")
    seen = Evidence.of(f"{VARIABLES}/dbx", f"release of {age or 'none known'}, floor {wanted}")
    if age >= wanted:
        return passed(f"撤销列表为 {age} 版。", f"The revocation list is of {age}.", seen)
    if wanted > max(_RELEASES):
        # The baseline knows of a newer list than this software does.
        return undecided("无法判断撤销列表的新旧。", "The age of the list cannot be told.", seen)
    return failed("撤销列表过旧。", "The revocation list is outdated.", seen)


def shim_level(facts: Facts) -> Verdict:
    """Shim refuses its own versions with known flaws, and boot loaders with such."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    if not boot.efi:
        return legacy()
    level = boot.shim_level
    if isinstance(level, Unread):
        return could_not_read(level)
    fields = level.splitlines()[0].split(",") if level else []
    seen = Evidence.of(f"{VARIABLES}/SbatLevelRT", level.splitlines()[0] if level else "empty")
    if len(fields) < 3 or fields[0] != "sbat" or not _dated(fields[2]):  # noqa: PLR2004
        return undecided("读不懂 SBAT 级别。", "The SBAT level cannot be understood.", seen)
    if int(fields[2]) < _SHIM_LEVEL:
        return failed("有漏洞的 shim 仍可运行。", "A shim with known flaws still runs.", seen)
    return passed("shim 撤销级别足够新。", "The revocations of shim are new enough.", seen)


def _dated(text: str) -> bool:
    """Whether these are a day and a number of the day: 2024010900."""
    if len(text) != 10 or not text.isdecimal():  # noqa: PLR2004 - YYYYMMDD and two digits
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True


def started_programs(facts: Facts) -> Verdict:
    """No program that the firmware started is on the revocation list or the blocklist."""
    if isinstance(facts.event_log, Unread):
        return could_not_read(facts.event_log)
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    if isinstance(boot.revoked, Unread):
        return could_not_read(boot.revoked) if boot.efi else legacy()
    started = tuple(_started(facts))
    if not started:
        seen = Evidence.of("event log", "no boot program in a SHA-256 bank")
        return undecided("日志中没有引导程序。", "The log names no boot program.", seen)
    bad = [digest for digest in started if _is_revoked(digest, boot)]
    if bad:
        return failed(
            "启动了已撤销的引导程序。",
            "A revoked boot program was started.",
            *(Evidence.of("event log PCR 4", digest.hex()) for digest in bad),
        )
    seen = Evidence.of("event log PCR 4", f"{len(started)} programs, none revoked")
    return passed("引导程序均未被撤销。", "No boot program is revoked.", seen)


def _started(facts: Facts) -> Iterator[bytes]:
    """The Authenticode hashes of boot programs: exactly what their events measure."""
    if isinstance(facts.event_log, Unread):
        return
    for event in facts.event_log.log.events:
        if event.kind == BOOT_SERVICES_APPLICATION:
            for digest in event.digests:
                if len(digest.value) == _DIGEST and digest.algorithm.bank == "SHA256":
                    yield digest.value


def _is_revoked(digest: bytes, boot: SecureBootFacts) -> bool:
    own = not isinstance(boot.revoked, Unread) and digest in boot.revoked
    return own or digest.hex() in _RELEASES.values()


_REVOKE_ZH: Final = "用 fwupdmgr update 安装最新的 dbx,并升级 shim。"
_REVOKE_EN: Final = "Install the newest dbx with fwupdmgr update, and update shim."

CHECKS: Final = (
    Check(
        "secure-boot.setup-closed",
        1,
        Impact.CRITICAL,
        Text(
            "密钥库已关闭",
            "任何人都可以登记自己的启动密钥。",
            "在 BIOS 中登记平台密钥,退出设置模式与审计模式。",
        ),
        Text(
            "Key store closed",
            "Anybody can enrol start keys of their own.",
            "Enrol the platform key in the BIOS setup; leave setup mode and audit mode.",
        ),
        ("UEFI 2.10, section 32.3",),
        setup_closed,
    ),
    Check(
        "secure-boot.test-keys",
        1,
        Impact.CRITICAL,
        Text(
            "密钥库无测试密钥",
            "测试密钥的私钥已公开,任何人都能签名启动程序。",
            "向厂商索取更新的固件,恢复出厂密钥库。",
        ),
        Text(
            "No test keys in the key stores",
            "The private half of test keys is public: anybody can sign what starts.",
            "Get newer firmware from the maker and restore its key stores.",
        ),
        ("CVE-2024-8105 (PKfail)", "UEFI 2.10, section 32.4"),
        test_keys,
    ),
    Check(
        "secure-boot.revocations-new",
        2,
        Impact.HIGH,
        Text("撤销列表不过旧", "近年发现漏洞的引导程序仍可运行。", _REVOKE_ZH),
        Text(
            "Revocation list not outdated",
            "Boot loaders whose flaws were found in the last years still run.",
            _REVOKE_EN,
        ),
        ("UEFI Revocation List File", "fwupd HSI-1 UEFI dbx"),
        revocations_new,
    ),
    Check(
        "secure-boot.shim-level",
        2,
        Impact.HIGH,
        Text("shim 撤销级别足够新", "有漏洞的 shim 可以绕过安全启动。", _REVOKE_ZH),
        Text(
            "Revocations of shim new enough",
            "A shim with known flaws leads past Secure Boot.",
            _REVOKE_EN,
        ),
        ("shim: SBAT.md", "CVE-2023-40547"),
        shim_level,
    ),
    Check(
        "secure-boot.programs-not-revoked",
        1,
        Impact.CRITICAL,
        Text(
            "引导程序未被撤销",
            "本机启动时运行了已知有漏洞的程序。",
            "升级 shim 与 GRUB,查明它从何而来。",
        ),
        Text(
            "Boot programs not revoked",
            "The machine started a program that is known to be flawed.",
            "Update shim and GRUB, and find out where it came from.",
        ),
        ("UEFI Revocation List File", "TCG PC Client Platform Firmware Profile 1.06"),
        started_programs,
    ),
)
