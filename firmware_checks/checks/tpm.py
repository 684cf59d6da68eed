"""Checks of the measured start: the TPM, its banks, and its event log."""

from collections.abc import Mapping, Sequence
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
from firmware_checks.facts import Facts, TpmFacts, Unread

_FIRMWARE_PCRS: Final = range(8)
_STRONG_BANKS: Final = ("SHA256", "SHA384", "SHA512", "SM3_256", "SHA3_256", "SHA3_384", "SHA3_512")


def tpm_present(facts: Facts) -> Verdict:
    """A TPM 2.0 is there."""
    tpm = facts.tpm
    if isinstance(tpm, Unread):
        return could_not_read(tpm)
    if not tpm.devices:
        return failed("没有 TPM。", "There is no TPM.", Evidence.of("/sys/class/tpm", "empty"))
    if isinstance(tpm.version, Unread):
        return could_not_read(tpm.version)
    seen = Evidence.of(f"/sys/class/tpm/{tpm.devices[0]}/tpm_version_major", tpm.version)
    if tpm.version.strip() != "2":
        return failed("TPM 不是 2.0 版。", "The TPM is not of version 2.0.", seen)
    return passed("有 TPM 2.0。", "A TPM 2.0 is present.", seen)


def strong_bank(facts: Facts) -> Verdict:
    """A bank stronger than SHA-1 is in use: it exists and something was extended into it."""
    tpm = facts.tpm
    if isinstance(tpm, Unread):
        return could_not_read(tpm)
    if not tpm.devices:
        return failed("没有 TPM。", "There is no TPM.", Evidence.of("/sys/class/tpm", "empty"))
    if isinstance(tpm.banks, Unread):
        return could_not_read(tpm.banks)
    seen = Evidence.of(f"/sys/class/tpm/{tpm.devices[0]}", ", ".join(sorted(tpm.banks)))
    used = [bank for bank in _STRONG_BANKS if _extended(tpm.banks.get(bank, {}))]
    if not used:
        return failed(
            "没有在用的 SHA-256 或 SM3 寄存器组。",
            "No SHA-256 or SM3 bank is in use.",
            seen,
        )
    return passed(f"在用的寄存器组:{used[0]}。", f"The {used[0]} bank is in use.", seen)


def _extended(bank: Mapping[int, str]) -> bool:
    return any(set(bank.get(pcr, "0")) != {"0"} for pcr in _FIRMWARE_PCRS)


def event_log_replays(facts: Facts) -> Verdict:
    """The event log leads to exactly the values that the TPM holds in PCR 0 to 7."""
    if isinstance(facts.event_log, Unread):
        return could_not_read(facts.event_log)
    if isinstance(facts.tpm, Unread):
        return could_not_read(facts.tpm)
    if isinstance(facts.tpm.banks, Unread):
        return could_not_read(facts.tpm.banks)
    replayed = facts.event_log.replayed.banks
    common = [bank for bank in _STRONG_BANKS if bank in replayed and bank in facts.tpm.banks]
    if not common:
        return undecided(
            "日志与 TPM 没有共同的强寄存器组。",
            "The log and the TPM have no strong bank in common.",
            Evidence.of("event log", ", ".join(replayed) or "no bank"),
            Evidence.of("TPM", ", ".join(facts.tpm.banks)),
        )
    return _compared(facts.tpm, replayed, common)


def _compared(
    tpm: TpmFacts,
    replayed: Mapping[str, Mapping[int, str]],
    common: Sequence[str],
) -> Verdict:
    banks = {} if isinstance(tpm.banks, Unread) else tpm.banks
    missing: list[str] = []
    differing: list[Evidence] = []
    for bank in common:
        for pcr in _FIRMWARE_PCRS:
            held, led = banks[bank].get(pcr), replayed[bank].get(pcr)
            if held is None:
                missing.append(f"{bank} PCR {pcr}")
            elif held != (led or "0" * len(held)):
                shown = f"TPM {held[:16]}… / log {led[:16] + '…' if led else 'no event'}"
                differing.append(Evidence.of(f"{bank} PCR {pcr}", shown))
    if differing:
        return failed(
            "事件日志与 TPM 不一致。",
            "The event log does not lead to the values of the TPM.",
            *differing,
        )
    if missing or not any(_extended(banks[bank]) for bank in common):
        return undecided(
            "TPM 的寄存器不全或为空。",
            "Registers of the TPM are missing or were never extended.",
            Evidence.of("TPM", ", ".join(missing) or "all zero"),
        )
    return passed(
        "事件日志与 PCR 0-7 一致。",
        "The event log leads to PCR 0-7 exactly.",
        *(Evidence.of(f"{bank} PCR 0", banks[bank][0]) for bank in common),
    )


def every_bank(facts: Facts) -> Verdict:
    """No bank was left unextended: in an open one, somebody can replay a good start afterwards."""
    tpm = facts.tpm
    if isinstance(tpm, Unread):
        return could_not_read(tpm)
    if not tpm.devices:
        return failed("没有 TPM。", "There is no TPM.", Evidence.of("/sys/class/tpm", "empty"))
    if isinstance(tpm.banks, Unread):
        return could_not_read(tpm.banks)
    lacking = [
        f"{bank} PCR {pcr}"
        for bank, values in tpm.banks.items()
        for pcr in _FIRMWARE_PCRS
        if pcr not in values
    ]
    if lacking:
        seen = Evidence.of("TPM", ", ".join(lacking))
        return undecided("寄存器不全。", "Registers are missing.", seen)
    blank = [
        f"{bank} PCR {pcr}"
        for bank, values in tpm.banks.items()
        for pcr in _FIRMWARE_PCRS
        if set(values[pcr]) == {"0"}
    ]
    if blank:
        seen = Evidence.of("TPM", ", ".join(blank))
        return failed("有寄存器未被固件使用。", "The firmware left registers unused.", seen)
    seen = Evidence.of("TPM", f"{', '.join(tpm.banks)}: PCR 0 to 7 extended")
    return passed("各组寄存器均已使用。", "The registers of every bank are in use.", seen)


CHECKS: Final = (
    Check(
        "tpm.present",
        1,
        Impact.HIGH,
        Text(
            "有 TPM 2.0",
            "没有可信的度量起点,也无法把磁盘密钥封在本机。",
            "在 BIOS 中启用 TPM(或 fTPM/TCM)后重启。",
        ),
        Text(
            "TPM 2.0 present",
            "Nothing measures the start, and no disk key can be sealed to this machine.",
            "Switch on the TPM (or fTPM, TCM) in the BIOS setup and restart.",
        ),
        ("TCG PC Client Platform TPM Profile", "fwupd HSI-1 TPM 2.0"),
        tpm_present,
    ),
    Check(
        "tpm.strong-bank",
        2,
        Impact.HIGH,
        Text(
            "SHA-256 或 SM3 寄存器组在用",
            "SHA-1 度量可以伪造。",
            "在 BIOS 的 TPM 设置中启用 SHA-256(或 SM3)组。",
        ),
        Text(
            "SHA-256 or SM3 bank in use",
            "Measurements in SHA-1 can be forged.",
            "Switch on the SHA-256 (or SM3) bank in the TPM settings of the BIOS setup.",
        ),
        ("TCG PC Client Platform Firmware Profile 1.06", "NIST SP 800-131A"),
        strong_bank,
    ),
    Check(
        "tpm.event-log",
        2,
        Impact.CRITICAL,
        Text(
            "事件日志重放至 PCR 0-7",
            "启动记录与 TPM 不符,可能被篡改。",
            "停用本机,从可信介质重刷固件后再查。",
        ),
        Text(
            "Event log replays to PCR 0-7",
            "The record of the start does not match the TPM; it may have been changed.",
            "Take the machine out of use, write its firmware anew from a trusted medium, check again.",
        ),
        ("TCG PC Client Platform Firmware Profile 1.06", "NIST SP 800-155"),
        event_log_replays,
    ),
    Check(
        "tpm.every-bank-used",
        2,
        Impact.HIGH,
        Text(
            "各寄存器组均已使用",
            "在空着的寄存器组里可以伪造一次正常的启动。",
            "在 BIOS 的 TPM 设置中关闭不用的组,或升级固件。",
        ),
        Text(
            "Every bank in use",
            "In a bank that was left open somebody can forge a good start.",
            "Switch off banks that are not used in the TPM settings, or update the firmware.",
        ),
        ("CVE-2021-42299", "fwupd HSI-1 Empty PCR in TPM"),
        every_bank,
    ),
)
