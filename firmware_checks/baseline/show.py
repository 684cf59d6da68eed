"""A baseline in words, and what of a machine is other than its baseline."""

from dataclasses import dataclass

from firmware_checks.eventlog.compare import changes
from firmware_checks.eventlog.measured import measurements
from firmware_checks.facts import Facts, Unread, programs_of
from firmware_checks.golden import Golden, Versions


@dataclass(frozen=True, slots=True)
class Difference:
    """What is other than in the baseline.

    Attributes:
        lines: One for each difference, Chinese and English.
        unread: What could not be compared, in English.
    """

    lines: tuple[str, ...]
    unread: tuple[str, ...]


def as_text(golden: Golden) -> str:
    """Lines for a terminal: machine, digest, registers, events in words, versions."""
    lines = [
        f"机器 Machine: {golden.vendor} {golden.product}",
        f"摘要 Digest: sha256:{golden.digest}",
        f"撤销列表 Revocation list since: {golden.revoked_since or '-'}",
        "",
        golden.bank,
    ]
    lines += [_register(golden, pcr, value) for pcr, value in sorted(golden.registers.items())]
    lines.append("")
    lines += [f"PCR {one.pcr:2d}  {one.type_name}: {one.words}" for one in golden.events]
    for kind, told in sorted(golden.versions.items()):
        lines += ["", kind, *_floors(told)]
    return "\n".join(lines)


def _register(golden: Golden, pcr: int, value: str) -> str:
    policy = "按事件 by events" if pcr in golden.by_events else "按数值 by value"
    return f"  PCR {pcr:2d}  {value}  {policy}"


def _floors(told: Versions) -> list[str]:
    lines = [f"  {model}: >= {version}" for model, version in sorted(told.floors.items())]
    return lines + [
        f"  {model}: 禁用 blocked {', '.join(versions)}"
        for model, versions in sorted(told.blocked.items())
    ]


def difference(golden: Golden, facts: Facts) -> Difference:
    """What this machine measures otherwise than the baseline, event by event."""
    lines: list[str] = []
    unread: list[str] = []
    if _model(facts) != (golden.vendor, golden.product):
        lines.append(f"型号不同 another model: {' '.join(_model(facts)) or '?'}")
    if isinstance(facts.tpm, Unread) or isinstance(facts.tpm.banks, Unread):
        unread.append("the registers of the TPM")
    else:
        held = facts.tpm.banks.get(golden.bank, {})
        for pcr, value in sorted(golden.registers.items()):
            if held.get(pcr) != value:
                now = held.get(pcr, "没有 none")
                lines.append(f"{golden.bank} PCR {pcr}: {value[:16]}… -> {now[:16]}…")
    if isinstance(facts.event_log, Unread):
        unread.append("the event log")
    else:
        now_measured = measurements(facts.event_log, golden.bank, programs_of(facts))
        told = changes(golden.events, now_measured, sorted(golden.registers))
        lines += [line for one in told for line in (one.zh, one.en)]
    return Difference(tuple(lines), tuple(unread))


def _model(facts: Facts) -> tuple[str, str] | tuple[()]:
    dmi = facts.dmi
    if isinstance(dmi, Unread) or isinstance(dmi.vendor, Unread) or isinstance(dmi.product, Unread):
        return ()
    return dmi.vendor.strip(), dmi.product.strip()


def summary(found: Difference) -> str:
    """The differences as lines for a terminal."""
    lines = list(found.lines)
    if found.unread:
        lines += [f"无法比较 Could not compare: {', '.join(found.unread)}"]
    return "\n".join(lines) or "与基线一致。 As in the baseline."
