"""The commands of the firmware checks: check, eventlog, explain and list."""

import argparse
import json
import os
import stat
from pathlib import Path
from typing import Final

from firmware_checks.catalogue import CHECKS, explain, find
from firmware_checks.errors import EventLogTooLarge, EventLogUnreadable, ReportUnwritable
from firmware_checks.eventlog import document
from firmware_checks.eventlog.parser import MAX_BYTES

SOUND: Final = 0
COULD_NOT_CHECK: Final = 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="wardbox firmware",
        description="检查固件、启动链、内核与 GPU。 Checks firmware, boot chain, kernel and GPU.",
        epilog="退出码 exit status: 0 正常 sound, 1 有问题 findings, 2 无法检查 could not check",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="运行全部检查 run all checks")
    check.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="机器的根目录 root of the machine",
    )
    form = check.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    form.add_argument("--html", type=Path, metavar="FILE", help="写一页 HTML write one HTML page")
    check.set_defaults(run=_check)
    log = commands.add_parser("eventlog", help="重放 TPM 事件日志 replay a TPM event log")
    log.add_argument("file", type=Path, metavar="FILE")
    log.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    log.set_defaults(run=_eventlog)
    about = commands.add_parser("explain", help="说明一项检查 explain one check")
    about.add_argument("id", metavar="ID")
    about.set_defaults(run=_explain)
    listed = commands.add_parser("list", help="列出全部检查 list all checks")
    listed.set_defaults(run=_list)
    return top


def _check(arguments: argparse.Namespace) -> int:
    # The probes start threads and may load the GPU library: only this command needs them.
    from firmware_checks.pages import as_html, as_text  # noqa: PLC0415
    from firmware_checks.posture import run_checks  # noqa: PLC0415

    report = run_checks(arguments.root)
    if arguments.html is not None:
        try:
            arguments.html.write_text(as_html(report), encoding="utf-8")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReportUnwritable(path=str(arguments.html), reason=reason) from error
    if arguments.json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        print(as_text(report))
    return report.exit_status


def _eventlog(arguments: argparse.Namespace) -> int:
    read = document.read_log(_bounded(arguments.file))
    if arguments.json:
        print(json.dumps(document.as_json(read), ensure_ascii=False))
    else:
        print(document.as_text(read))
    return SOUND


def _bounded(path: Path) -> bytes:
    """The bytes of the log, refused before reading when there are too many."""
    try:
        # O_NONBLOCK: a pipe must not hold the command until somebody writes into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise EventLogUnreadable(path=str(path), reason="not a regular file")
            if state.st_size > MAX_BYTES:
                raise EventLogTooLarge(size=state.st_size, unit="bytes", limit=MAX_BYTES)
            # securityfs tells a size of 0: the bound is held by the read itself.
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EventLogUnreadable(path=str(path), reason=reason) from error


def _explain(arguments: argparse.Namespace) -> int:
    print(explain(find(arguments.id)))
    return SOUND


def _list(arguments: argparse.Namespace) -> int:
    del arguments
    for check in CHECKS:
        print(f"L{check.level} {check.id:26s} {check.zh.title} {check.en.title}")
    return SOUND
