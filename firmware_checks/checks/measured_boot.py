"""Checks of what vouches for the measured boot: quote, maker, IMA's list, a TDX guest's log."""

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
    not_applicable,
    passed,
    undecided,
)
from firmware_checks.errors import FirmwareError
from firmware_checks.eventlog.replay import rtmrs
from firmware_checks.facts import Facts, Unread
from firmware_checks.ima.policy import unknown_files
from firmware_checks.ima.replay import aggregate_fits, replay
from firmware_checks.ima.templates import ImaEntry
from firmware_checks.quote.attested import parse
from firmware_checks.quote.chain import Chain, Endorsement
from firmware_checks.quote.verify import Fault, Quote, faults
from firmware_checks.reading import Reason

_QUOTED: Final = "TPM2_Quote, PCR 0-7"
_LIST: Final = "/sys/kernel/security/ima"
_SHOWN: Final = 8
_FAULTS: Final = {
    Fault.SIGNATURE: ("签名不对", "its signature is wrong"),
    Fault.NONCE: ("不是对本次提问的回答", "it does not answer the nonce"),
    Fault.REGISTERS: ("没有包含 PCR 0-7", "it is not over PCR 0 to 7"),
    Fault.LOG: ("与事件日志不符", "it is not what the event log leads to"),
}


def quote_holds(facts: Facts) -> Verdict:
    """The TPM signs, over a fresh nonce, the registers that the event log leads to."""
    if isinstance(facts.quote, Unread):
        return could_not_read(facts.quote)
    if isinstance(facts.event_log, Unread):
        return could_not_read(facts.event_log)
    quote = facts.quote.quote
    try:
        found = faults(quote, facts.event_log.replayed)
        attested = parse(quote.attested)
    except FirmwareError as error:
        return failed("TPM 给出的不是 quote。", "What the TPM gave is no quote.", Evidence.of(_QUOTED, error.en.format(**error.facts)))  # fmt: skip
    # A nonce is another one each time, and so is what is signed: neither belongs into the digest.
    seen = (
        Evidence.of(_QUOTED, f"{attested.bank.bank} {attested.digest.hex()}"),
        Evidence.of("nonce", quote.nonce.hex(), steady=False),
    )
    if found:
        zh = "、".join(_FAULTS[one][0] for one in found)
        en = ", ".join(_FAULTS[one][1] for one in found)
        return failed(f"quote 不成立:{zh}。", f"The quote does not hold: {en}.", *seen)
    return passed(
        "TPM 对本次提问签署的寄存器与事件日志一致。",
        "The registers that the TPM signed for this nonce are those of the event log.",
        *seen,
    )


def maker_vouches(facts: Facts) -> Verdict:
    """A certificate of the TPM's maker stands behind the key that signed the quote."""
    if isinstance(facts.quote, Unread):
        return could_not_read(facts.quote)
    quote, stands = facts.quote.quote, facts.quote.endorsement
    return could_not_read(stands) if isinstance(stands, Unread) else _endorsed(quote, stands)


def _endorsed(quote: Quote, stands: Endorsement) -> Verdict:
    seen = Evidence.of("EK certificate", f"{stands.chain.value} {stands.issuer}".rstrip())
    if stands.chain is Chain.ABSENT:
        return undecided("TPM 中没有厂商证书。", "The TPM holds no certificate of its maker.", seen)
    if stands.chain is Chain.UNKNOWN_MAKER:
        zh, en = "本机不认识签发者。", "Whoever issued the certificate is not known here."
        return undecided(zh, en, seen)
    if stands.chain is not Chain.TRUSTED:
        return failed("TPM 的厂商证书无效。", "The certificate of the TPM is not valid.", seen)
    if not quote.bound:
        zh = "TPM 没有证明它持有证书所指的密钥。"
        return failed(zh, "The TPM did not prove that it holds the certified key.", seen)
    return passed("TPM 由其厂商证书担保。", "The maker of the TPM vouches for it.", seen)


def ima_replays(facts: Facts) -> Verdict:
    """IMA's list leads to PCR 10, every entry has its own digest, and the first is of this boot."""
    if isinstance(facts.ima, Unread):
        return could_not_read(facts.ima)
    if isinstance(facts.tpm, Unread):
        return could_not_read(facts.tpm)
    if isinstance(facts.tpm.banks, Unread):
        return could_not_read(facts.tpm.banks)
    if isinstance(facts.ima.held, Unread):
        return could_not_read(facts.ima.held)
    return _ima_judged(facts.ima.entries, facts.ima.held, facts.tpm.banks)


def _ima_judged(
    entries: Sequence[ImaEntry],
    held: Mapping[str, str],
    banks: Mapping[str, Mapping[int, str]],
) -> Verdict:
    led = replay(entries, held)
    judged = sorted(bank for bank in held if bank in led.values)
    if not judged:
        seen = Evidence.of("TPM", ", ".join(banks))
        return undecided("TPM 没有给出 PCR 10。", "The TPM does not tell PCR 10.", seen)
    # The list grows while the machine runs: its length does not belong into the digest.
    told = Evidence.of(_LIST, f"{len(entries)} entries", steady=False)
    if led.wrong:
        shown = Evidence.of("entries", ", ".join(map(str, led.wrong[:_SHOWN])))
        return failed("列表中有条目被改动。", "Entries of the list were changed.", told, shown)
    wrong = [bank for bank in judged if not led.leads_to(bank, held[bank])]
    if wrong:
        differs = [Evidence.of(f"{bank} PCR 10", held[bank], steady=False) for bank in wrong]
        return failed("列表与 PCR 10 不符。", "The list does not lead to PCR 10.", told, *differs)
    if aggregate_fits(entries[0], banks) is False:
        shown = Evidence.of("boot_aggregate", entries[0].digest)
        return failed("列表不属于本次启动。", "The list is not of this boot.", told, shown)
    seen = Evidence.of("banks", ", ".join(judged))
    return passed("列表与 PCR 10 一致。", "The list leads to PCR 10 exactly.", seen)


def known_programs(facts: Facts) -> Verdict:
    """Everything that IMA measured stands on the manifest of what may run."""
    if isinstance(facts.ima, Unread):
        return could_not_read(facts.ima)
    if isinstance(facts.ima.manifest, Unread):
        return could_not_read(facts.ima.manifest)
    unknown = unknown_files(facts.ima.entries, facts.ima.manifest)
    if not unknown:
        return passed("运行过的程序都在清单上。", "Everything that ran is on the list.", Evidence.of(_LIST, "all known"))  # fmt: skip
    shown = (
        Evidence.of(
            one.name, f"{'changed' if one.changed else 'unknown'} {one.algorithm}:{one.digest}"
        )
        for one in unknown[:_SHOWN]
    )
    return failed(
        f"{len(unknown)} 个程序不在清单上。",
        f"{len(unknown)} programs are not on the list.",
        *shown,
    )


def guest_log_replays(facts: Facts) -> Verdict:
    """The event log of a TDX guest leads to its RTMRs."""
    if isinstance(facts.confidential, Unread):
        guest = not isinstance(facts.cpu, Unread) and "tdx_guest" in facts.cpu.flags
        known = not isinstance(facts.cpu, Unread) and facts.cpu.flags
        if facts.confidential.reason is Reason.ABSENT and known and not guest:
            seen = Evidence.of("/proc/cpuinfo", "no tdx_guest")
            return not_applicable("不是 TDX 机密虚拟机。", "This is no TDX guest.", seen)
        return could_not_read(facts.confidential)
    held = facts.confidential.registers
    if isinstance(held, Unread):
        return could_not_read(held)
    led = rtmrs(facts.confidential.log.replayed)
    wrong = [number for number in sorted(held) if held[number] != led[number]]
    if wrong:
        differs = [Evidence.of(f"RTMR {number}", held[number]) for number in wrong]
        return failed(
            "事件日志与 RTMR 不符。", "The event log does not lead to the RTMRs.", *differs
        )
    return passed("事件日志与 RTMR 一致。", "The event log leads to the RTMRs exactly.", Evidence.of("RTMR 0", held[0]))  # fmt: skip


CHECKS: Final = (
    Check(
        "tpm.quote",
        3,
        Impact.CRITICAL,
        Text(
            "TPM 签名证实启动记录",
            "启动记录可能是伪造的:TPM 没有为它作证。",
            "停用本机,从可信介质重刷固件后再查;若 TPM 不可访问,请以 root 运行。",
        ),
        Text(
            "The TPM vouches for the record of the start",
            "The record of the start may be made up: the TPM does not vouch for it.",
            "Take the machine out of use, write its firmware anew from a trusted medium, check again; "
            "run as root where the TPM cannot be opened.",
        ),
        ("TPM 2.0 Library 1.59 part 3, TPM2_Quote", "NIST SP 800-155", "RFC 9683"),
        quote_holds,
    ),
    Check(
        "tpm.maker",
        4,
        Impact.MEDIUM,
        Text(
            "TPM 由其厂商担保",
            "无法排除软件冒充的 TPM。",
            "向 TPM 厂商索取根证书,放入 /etc/wardbox/tpm-makers/(PEM)后再查。",
        ),
        Text(
            "The maker of the TPM vouches for it",
            "A TPM that is played by software cannot be told apart.",
            "Get the certificates of the TPM's maker, put them into /etc/wardbox/tpm-makers/ (PEM), check again.",
        ),
        ("TCG EK Credential Profile 2.5", "TPM 2.0 Library 1.59 part 3, TPM2_ActivateCredential"),
        maker_vouches,
    ),
    Check(
        "ima.replays",
        4,
        Impact.HIGH,
        Text(
            "IMA 列表重放至 PCR 10",
            "运行过什么程序的记录可能被改动。",
            "以 ima_policy=tcb 启动内核;若列表与 TPM 不符,停用本机并查明原因。",
        ),
        Text(
            "The list of IMA replays to PCR 10",
            "The record of what ran may have been changed.",
            "Start the kernel with ima_policy=tcb; if list and TPM disagree, take the machine out of use and find out why.",
        ),
        ("Linux, Documentation/security/IMA-templates.rst", "Linux, ima_calc_boot_aggregate"),
        ima_replays,
    ),
    Check(
        "ima.known-programs",
        4,
        Impact.HIGH,
        Text(
            "只运行已知程序",
            "有不在发布清单上的程序运行过。",
            "查明这些程序的来历;确属正常的,请厂商把它们加入 /etc/wardbox/ima-manifest。",
        ),
        Text(
            "Only known programs run",
            "Programs ran that are on no list of a release.",
            "Find out where they come from; have the vendor add those that belong there to /etc/wardbox/ima-manifest.",
        ),
        ("Linux, Documentation/ABI/testing/ima_policy", "NIST SP 800-167"),
        known_programs,
    ),
    Check(
        "tdx.event-log",
        4,
        Impact.CRITICAL,
        Text(
            "TDX 虚拟机的启动记录",
            "机密虚拟机的启动记录与处理器度量不符。",
            "停用该虚拟机,从可信映像重建;内核低于 6.16 时升级内核。",
        ),
        Text(
            "Record of the start of a TDX guest",
            "The record of the confidential guest's start does not match what the processor measured.",
            "Take the guest out of use and build it anew from a trusted image; update a kernel older than 6.16.",
        ),
        ("UEFI 2.10 section 38.4", "Intel TDX Virtual Firmware Design Guide"),
        guest_log_replays,
    ),
)
