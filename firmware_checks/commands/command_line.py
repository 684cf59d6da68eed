"""The commands of the firmware checks: check, eventlog, explain, list and baseline."""

import argparse
import json
from pathlib import Path
from typing import Final

from firmware_checks.catalogue import CHECKS, explain, find
from firmware_checks.commands import baselines, eventlog
from firmware_checks.errors import ReportUnwritable

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
    check.add_argument(
        "--baselines",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="已核验的厂商基线目录 folder of a vendor's baselines, verified before",
    )
    form = check.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    form.add_argument("--html", type=Path, metavar="FILE", help="写一页 HTML write one HTML page")
    check.set_defaults(run=_check)
    eventlog.add_parser(commands)
    about = commands.add_parser("explain", help="说明一项检查 explain one check")
    about.add_argument("id", metavar="ID")
    about.set_defaults(run=_explain)
    listed = commands.add_parser("list", help="列出全部检查 list all checks")
    listed.set_defaults(run=_list)
    baselines.add_parser(commands)
    return top


def _check(arguments: argparse.Namespace) -> int:
    # The probes start threads and may load the GPU library: only this command needs them.
    from firmware_checks.pages import as_html, as_text  # noqa: PLC0415
    from firmware_checks.posture import run_checks  # noqa: PLC0415

    report = run_checks(arguments.root, shelves=arguments.baselines)
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


def _explain(arguments: argparse.Namespace) -> int:
    print(explain(find(arguments.id)))
    return SOUND


def _list(arguments: argparse.Namespace) -> int:
    del arguments
    for check in CHECKS:
        print(f"L{check.level} {check.id:32s} {check.zh.title} {check.en.title}")
    return SOUND
