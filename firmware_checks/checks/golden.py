"""Checks against the golden baseline: it is at hand, and the registers are what it says."""

from collections import Counter
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
from firmware_checks.eventlog.compare import changes, mismatches
from firmware_checks.eventlog.document import ReplayedLog
from firmware_checks.eventlog.measured import Measurement, measurements
from firmware_checks.facts import Facts, Unread, programs_of
from firmware_checks.golden import Golden

_SHOWN: Final = 12
_COMPARED: Final = 2048


def present(facts: Facts) -> Verdict:
    """A baseline for this model of machine is at hand; its digest names it."""
    golden = facts.golden
    if isinstance(golden, Unread):
        return could_not_read(golden)
    seen = Evidence.of(f"{golden.vendor} {golden.product}", f"sha256:{golden.digest}")
    if not golden.registers or not golden.versions:
        return failed("基线不完整。", "The baseline lacks registers or versions.", seen)
    return passed("有本机型号的基线。", "There is a baseline for this model.", seen)


def registers(facts: Facts) -> Verdict:
    """Every golden register holds its value, or was led to by exactly the golden events."""
    golden, tpm = facts.golden, facts.tpm
    if isinstance(golden, Unread):
        return could_not_read(golden)
    if isinstance(tpm, Unread):
        return could_not_read(tpm)
    if isinstance(tpm.banks, Unread):
        return could_not_read(tpm.banks)
    return _compared(facts, golden, tpm.banks.get(golden.bank, {}))


def _compared(facts: Facts, golden: Golden, held: Mapping[int, str]) -> Verdict:
    missing = [pcr for pcr in golden.registers if pcr not in held]
    if missing or not golden.registers:
        return undecided(
            "TPM 没有基线所用的寄存器。",
            "The TPM lacks registers of the baseline.",
            Evidence.of(golden.bank, ", ".join(map(str, missing)) or "none asked for"),
        )
    other = tuple(pcr for pcr, value in sorted(golden.registers.items()) if held[pcr] != value)
    if not other:
        seen = [Evidence.of(f"{golden.bank} PCR {pcr}", held[pcr]) for pcr in golden.registers]
        return passed("寄存器与基线一致。", "The registers are those of the baseline.", *seen)
    if isinstance(facts.event_log, Unread):
        seen = [Evidence.of(f"{golden.bank} PCR {pcr}", held[pcr]) for pcr in other]
        return failed("寄存器与基线不同。", "Registers differ from the baseline.", *seen)
    now = measurements(facts.event_log, golden.bank, programs_of(facts))
    return _by_events(golden, held, facts.event_log, now, other)


def _by_events(
    golden: Golden,
    held: Mapping[int, str],
    log: ReplayedLog,
    now: Sequence[Measurement],
    other: tuple[int, ...],
) -> Verdict:
    banks = {golden.bank: held}
    untrue = {one.pcr for one in mismatches(log.replayed, banks, other)}
    known = golden.bank in log.replayed.banks
    for pcr in other:
        wanted = Counter(one.digest for one in golden.events if one.pcr == pcr)
        found = Counter(one.digest for one in now if one.pcr == pcr)
        if pcr in untrue or not known or pcr not in golden.by_events or wanted != found:
            break
    else:
        seen = Evidence.of("event log", f"PCR {', '.join(map(str, other))}: the golden events")
        return passed("事件与基线一致。", "The events are those of the baseline.", seen)
    # Somebody who writes the log could make the comparison long; real starts measure some hundred.
    few = len(now) <= _COMPARED and len(golden.events) <= _COMPARED
    told = changes(golden.events, now, other) if few else ()
    lines = [Evidence.of(f"PCR {one.pcr}", f"{one.zh} {one.en}") for one in told[:_SHOWN]]
    rest = [Evidence.of(f"{golden.bank} PCR {pcr}", "the value differs") for pcr in other]
    return failed("启动过程与基线不同。", "The start differs from the baseline.", *(lines or rest))


CHECKS: Final = (
    Check(
        "baseline.present",
        3,
        Impact.LOW,
        Text(
            "有本机型号的基线",
            "无法判断固件是否为厂商出厂状态。",
            "安装厂商的基线更新包,或运行 wardbox firmware baseline capture。",
        ),
        Text(
            "Baseline for this model",
            "Nobody can tell whether the firmware is what its maker shipped.",
            "Install the vendor's baselines, or run wardbox firmware baseline capture.",
        ),
        ("NIST SP 800-155", "docs/operate/firmware.md"),
        present,
    ),
    Check(
        "baseline.registers",
        3,
        Impact.CRITICAL,
        Text(
            "启动度量与基线一致",
            "固件、引导程序或密钥策略被换过。",
            "核对所列变化;是自己升级的,重新生成基线;不是,停用本机并从可信介质重刷。",
        ),
        Text(
            "Start measured as in the baseline",
            "Firmware, boot programs or key policy were exchanged.",
            "Go through the changes: if they are yours, capture anew; if not, take the machine out"
            " of use and write its firmware from a trusted medium.",
        ),
        ("NIST SP 800-155", "TCG PC Client Platform Firmware Profile 1.06"),
        registers,
    ),
)
