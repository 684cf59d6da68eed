"""Checks of the verified start: UEFI Secure Boot, its keys and its revocations."""

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
from firmware_checks.facts import Facts, SecureBootFacts, Unread

VARIABLES: Final = "/sys/firmware/efi/efivars"
# Subject of the platform key that AMI shipped as a sample and vendors left in place (PKfail).
_TEST_KEY_WORDS: Final = ("DO NOT TRUST", "DO NOT SHIP")
# EFI_SIGNATURE_LIST: type GUID, list size, header size, signature size.
_SIGNATURE_LIST_HEADER: Final = 28


def secure_boot_on(facts: Facts) -> Verdict:
    """Secure Boot is on and the firmware is not in setup mode."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    return _on(boot) if boot.efi else legacy()


def _on(boot: SecureBootFacts) -> Verdict:
    if isinstance(boot.enabled, Unread):
        return could_not_read(boot.enabled)
    seen = [Evidence.of(f"{VARIABLES}/SecureBoot", boot.enabled)]
    if boot.enabled != 1:
        return failed("安全启动未开启。", "Secure Boot is off.", *seen)
    if isinstance(boot.setup_mode, Unread):
        return could_not_read(boot.setup_mode)
    seen.append(Evidence.of(f"{VARIABLES}/SetupMode", boot.setup_mode))
    if boot.setup_mode != 0:
        return failed("固件处于设置模式。", "The firmware is in setup mode.", *seen)
    return passed("安全启动已开启。", "Secure Boot is on.", *seen)


def names_a_test_key(store: bytes) -> bool:
    """Whether a key store holds a certificate that says of itself that it is a sample."""
    haystack = store.upper()
    return any(
        word.encode(encoding) in haystack
        for word in _TEST_KEY_WORDS
        for encoding in ("ascii", "utf-16-be", "utf-16-le")
    )


def legacy() -> Verdict:
    """A machine that did not start through UEFI has no Secure Boot."""
    return failed(
        "机器不是通过 UEFI 启动的。",
        "The machine did not start through UEFI.",
        Evidence.of("/sys/firmware/efi", "not there"),
    )


def platform_key(facts: Facts) -> Verdict:
    """The platform key is one of the maker's own, not the sample key of a firmware kit."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    if not boot.efi:
        return legacy()
    key = boot.platform_key
    if isinstance(key, Unread):
        return could_not_read(key)
    seen = Evidence.of(f"{VARIABLES}/PK", f"{len(key)} bytes")
    if len(key) <= _SIGNATURE_LIST_HEADER:
        return failed("没有平台密钥。", "There is no platform key.", seen)
    if names_a_test_key(key):
        return failed("平台密钥是测试密钥。", "The platform key is a test key.", seen)
    return passed("平台密钥不是测试密钥。", "The platform key is no test key.", seen)


def revocations(facts: Facts) -> Verdict:
    """The list of revoked boot loaders holds entries."""
    boot = facts.secure_boot
    if isinstance(boot, Unread):
        return could_not_read(boot)
    if not boot.efi:
        return legacy()
    if isinstance(boot.revoked, Unread):
        return could_not_read(boot.revoked)
    return _counted(boot)


def _counted(boot: SecureBootFacts) -> Verdict:
    data = b"" if isinstance(boot.revoked, Unread) else boot.revoked
    count, position = 0, 0
    while position < len(data):
        header = data[position : position + _SIGNATURE_LIST_HEADER]
        size = int.from_bytes(header[16:20], "little")
        extra = int.from_bytes(header[20:24], "little")
        each = int.from_bytes(header[24:28], "little")
        body = size - _SIGNATURE_LIST_HEADER - extra
        if each == 0 or body < 0 or body % each or position + size > len(data):
            return undecided(
                "撤销列表内容无法理解。",
                "The revocation list cannot be understood.",
                Evidence.of(f"{VARIABLES}/dbx", f"malformed at byte {position}"),
            )
        count += body // each
        position += size
    seen = Evidence.of(f"{VARIABLES}/dbx", f"{count} entries")
    if count == 0:
        return failed("撤销列表为空。", "The revocation list is empty.", seen)
    return passed(f"撤销列表有 {count} 项。", f"The revocation list has {count} entries.", seen)


CHECKS: Final = (
    Check(
        "secure-boot.on",
        1,
        Impact.CRITICAL,
        Text(
            "安全启动已开启",
            "任何引导程序都可以先于系统运行。",
            "在 BIOS 中开启安全启动并退出设置模式。",
        ),
        Text(
            "Secure Boot on",
            "Any boot loader can run before the system.",
            "Switch on Secure Boot in the BIOS setup and leave setup mode.",
        ),
        ("UEFI 2.10, section 32", "fwupd HSI-1 UEFI Secure Boot"),
        secure_boot_on,
    ),
    Check(
        "secure-boot.platform-key",
        1,
        Impact.CRITICAL,
        Text(
            "平台密钥不是测试密钥",
            "测试密钥的私钥已公开,任何人都能改动安全启动。",
            "向厂商索取更新的固件,更换平台密钥。",
        ),
        Text(
            "Platform key is no test key",
            "The private half of test keys is public: anybody can change Secure Boot.",
            "Get newer firmware from the maker and replace the platform key.",
        ),
        ("CVE-2024-8105 (PKfail)", "fwupd HSI-1 UEFI Platform Key"),
        platform_key,
    ),
    Check(
        "secure-boot.revocations",
        2,
        Impact.HIGH,
        Text("已装入撤销列表", "已知有漏洞的引导程序仍可运行。", "安装最新的 dbx 更新。"),
        Text(
            "Revocation list loaded",
            "Boot loaders with known flaws still run.",
            "Install the newest dbx update.",
        ),
        ("UEFI 2.10, section 32.4.1", "UEFI Revocation List File"),
        revocations,
    ),
)
