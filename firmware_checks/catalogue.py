"""The list of all checks, and the reference page that is written from it."""

from typing import Final

from firmware_checks.check import Check
from firmware_checks.checks import (
    accelerators,
    confidential,
    flash,
    golden,
    gpu,
    gpu_wear,
    hardening,
    kernel,
    keys,
    machine,
    measured_boot,
    processor,
    secure_boot,
    storage,
    surroundings,
    tpm,
    versions,
)
from firmware_checks.errors import CheckUnknown

CHECKS: Final[tuple[Check, ...]] = (
    *tpm.CHECKS,
    *measured_boot.CHECKS,
    *golden.CHECKS,
    *secure_boot.CHECKS,
    *keys.CHECKS,
    *flash.CHECKS,
    *versions.CHECKS,
    *machine.CHECKS,
    *surroundings.CHECKS,
    *processor.CHECKS,
    *confidential.CHECKS,
    *kernel.CHECKS,
    *hardening.CHECKS,
    *storage.CHECKS,
    *gpu.CHECKS,
    *gpu_wear.CHECKS,
    *accelerators.CHECKS,
)


def find(check_id: str) -> Check:
    """The check with this name.

    Raises:
        CheckUnknown: No check has it.
    """
    for check in CHECKS:
        if check.id == check_id:
            return check
    raise CheckUnknown(check_id=check_id)


def explain(check: Check) -> str:
    """Everything about one check, for a terminal, Chinese first."""
    return "\n".join(
        (
            f"{check.id}  (等级 level {check.level}, 影响 impact {check.impact.value})",
            "",
            f"{check.zh.title}。{check.zh.harm}",
            f"处理办法:{check.zh.remedy}",
            "",
            f"{check.en.title}. {check.en.harm}",
            f"Remedy: {check.en.remedy}",
            "",
            f"参考 References: {'; '.join(check.references)}",
        ),
    )


def reference_markdown(
    checks: tuple[Check, ...] = CHECKS, title: str = "固件检查 Firmware checks"
) -> str:
    """The reference of checks; docs/reference/firmware-checks.md holds exactly that of all of this package."""
    lines = [
        f"# {title}",
        "",
        "本页由检查目录生成。This page is written from the list of checks.",
        "",
        "| id | 等级 level | 影响 impact | 标题 title |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{check.id}` | {check.level} | {check.impact.value} | {check.zh.title} {check.en.title} |"
        for check in checks
    ]
    for check in checks:
        lines += [
            "",
            f"## {check.id}",
            "",
            f"- **{check.zh.title}** {check.en.title}",
            f"- 后果 harm: {check.zh.harm} {check.en.harm}",
            f"- 处理 remedy: {check.zh.remedy} {check.en.remedy}",
            f"- 参考 references: {'; '.join(check.references)}",
        ]
    return "\n".join(lines) + "\n"
