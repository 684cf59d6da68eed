"""`wardbox firmware eventlog`: a log replayed, in words, compared with a TPM or another log."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from firmware_checks.commands.reading import bounded
from firmware_checks.errors import EventLogTooLarge, EventLogUnreadable
from firmware_checks.eventlog import document
from firmware_checks.eventlog.compare import Change, Mismatch, changes, mismatches
from firmware_checks.eventlog.document import ReplayedLog
from firmware_checks.eventlog.measured import measurements, strongest_bank
from firmware_checks.eventlog.parser import MAX_BYTES
from firmware_checks.eventlog.programs import Program

SAME: Final = 0
DIFFERS: Final = 1
COULD_NOT_CHECK: Final = 2
_CCEL: Final = "CCEL"
_NO_PROGRAMS: Final[Mapping[str, Program]] = MappingProxyType({})


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `eventlog` to the command line."""
    log = commands.add_parser("eventlog", help="重放 TPM 事件日志 replay a TPM event log")
    log.add_argument("file", type=Path, metavar="FILE")
    log.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    log.add_argument(
        "--cc",
        action="store_true",
        help="机密虚拟机的日志(CCEL) the log of a confidential guest (ACPI table CCEL)",
    )
    log.add_argument(
        "--tpm", action="store_true", help="与本机 TPM 比较 compare with the TPM of this machine"
    )
    log.add_argument(
        "--against", type=Path, metavar="LOG", help="与先前的日志比较 compare with an earlier log"
    )
    log.add_argument(
        "--programs",
        type=Path,
        metavar="DIR",
        help="EFI 程序所在目录,用于认出版本 folder of EFI programs, to tell their versions",
    )
    log.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the log.

    Returns:
        0 read and the same, 1 it differs from the TPM or the earlier log, 2 what it is compared with is missing.
    """
    confidential = arguments.cc or arguments.file.name == _CCEL
    read = document.read_log(_log(arguments.file), confidential=confidential)
    told: dict[str, Any] = document.as_json(read) if arguments.json else {}
    lines = [] if arguments.json else [document.as_text(read)]
    status = SAME
    if arguments.tpm:
        status = max(status, _with_tpm(read, told, lines))
    if arguments.against is not None:
        earlier = document.read_log(_log(arguments.against), confidential=confidential)
        known = _programs(arguments.programs)
        status = max(status, _with_earlier(read, earlier, known, told, lines))
    print(json.dumps(told, ensure_ascii=False) if arguments.json else "\n".join(lines))
    return status


def _log(path: Path) -> bytes:
    """The bytes of a log, refused before reading when there are too many."""
    found = bounded(path, MAX_BYTES)
    if isinstance(found, str):
        raise EventLogUnreadable(path=str(path), reason=found)
    if found is None:
        raise EventLogTooLarge(size=f"> {MAX_BYTES}", unit="bytes", limit=MAX_BYTES)
    return found


def _with_tpm(read: ReplayedLog, told: dict[str, Any], lines: list[str]) -> int:
    # The probes are needed by this option only.
    from firmware_checks.probes.boot import tpm  # noqa: PLC0415
    from firmware_checks.probes.tree import Tree  # noqa: PLC0415
    from firmware_checks.reading import Unread  # noqa: PLC0415

    facts = tpm(Tree(Path("/")))
    banks = facts if isinstance(facts, Unread) else facts.banks
    if isinstance(banks, Unread):
        told["tpm"] = {"could_not_read": f"{banks.source} {banks.reason.value}"}
        lines.append(f"\nTPM: 无法读取 could not be read: {banks.source} {banks.reason.value}")
        return COULD_NOT_CHECK
    found = mismatches(read.replayed, banks)
    told["tpm"] = {"mismatches": [_mismatch(one) for one in found]}
    lines.append("\nTPM: " + ("不一致 differs" if found else "一致 the same"))
    lines.extend(f"  {one.bank} PCR {one.pcr}: TPM {one.held} / log {one.led}" for one in found)
    return DIFFERS if found else SAME


def _mismatch(one: Mismatch) -> dict[str, object]:
    return {"bank": one.bank, "pcr": one.pcr, "tpm": one.held, "log": one.led}


def _with_earlier(
    read: ReplayedLog,
    earlier: ReplayedLog,
    programs: Mapping[str, Program],
    told: dict[str, Any],
    lines: list[str],
) -> int:
    bank = strongest_bank(earlier)
    if bank not in read.replayed.banks:
        told["changes"] = {"could_not_compare": "no bank in common"}
        lines.append("\n没有共同的寄存器组 no bank in common")
        return COULD_NOT_CHECK
    found = changes(measurements(earlier, bank, programs), measurements(read, bank, programs))
    told["changes"] = [_change(one) for one in found]
    lines.append("\n" + ("变化 Changes" if found else "没有变化 no change"))
    lines.extend(f"  {one.zh} | {one.en}" for one in found)
    return DIFFERS if found else SAME


def _change(one: Change) -> dict[str, object]:
    return {
        "pcr": one.pcr,
        "zh": one.zh,
        "en": one.en,
        "before": None if one.before is None else one.before.digest,
        "after": None if one.after is None else one.after.digest,
    }


def _programs(folder: Path | None) -> Mapping[str, Program]:
    if folder is None:
        return _NO_PROGRAMS
    from firmware_checks.probes.efi_programs import known_programs  # noqa: PLC0415 - this option only
    from firmware_checks.probes.tree import Tree  # noqa: PLC0415

    return known_programs(Tree(folder), "/")
