"""`wardbox posture`: what the firmware checks found, what followed, their course, and checking now."""

import argparse
import json
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.posture import PostureReport

_GRAVE: Final = {"fail": 0, "error": 1, "warn": 2, "unknown": 3}
_IMPACT: Final = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_MARKS: Final = {"pass": "✓", "fail": "✗", "error": "✗", "warn": "▲", "unknown": "?"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `posture` to the command line."""
    parser = commands.add_parser("posture", help="固件态势 what the firmware checks found")
    parser.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("show", help="最近一次的结果 the last report")
    what.add_parser("check", help="立即检查 check now")
    history = what.add_parser("history", help="历次结果 the course of all runs")
    history.add_argument("--limit", type=int, default=30)
    report = what.add_parser("report", help="回执所指的报告 the report that a receipt names")
    report.add_argument("digest")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 sound, 1 findings or refused, 2 could not check, 3 no box answers.
    """
    if args.what == "history":
        return converse(args, lambda session: _history(session, args))
    return converse(args, lambda session: _report(session, args))


async def _report(session: "Session", args: argparse.Namespace) -> int:
    if args.what == "check":
        report = await session.postures.check()
    elif args.what == "report":
        report = await session.postures.named(args.digest)
    else:
        report = await session.postures.look()
    if args.json:
        print(report.model_dump_json(indent=1))
    else:
        _print(report)
    return {"pass": 0, "fail": 1}.get(report.summary.verdict, 2)


def _print(report: "PostureReport") -> None:
    summary = report.summary
    checked = "-" if summary.checked is None else f"{summary.checked:%Y-%m-%d %H:%M} UTC"
    print(f"等级 level {summary.level}/4 {summary.sentence.zh} {summary.sentence.en}  {checked}")
    print(f"✓ {summary.passed}  ✗ {summary.failed}  ? {summary.unknown}")
    ordered = sorted(
        report.checks, key=lambda one: (_GRAVE.get(one.verdict, 9), _IMPACT.get(one.severity, 9))
    )
    for one in ordered:
        if one.verdict in _GRAVE:
            print(f"{_MARKS[one.verdict]} [{one.severity}] {one.id}: {one.found.zh} {one.found.en}")
            print(f"    → {one.remedy.zh} {one.remedy.en}")
    if report.followed.consequence not in {"nothing", "warn"}:
        named = ", ".join(report.followed.checks)
        print(f"后果 followed: {report.followed.consequence} ({named})")


async def _history(session: "Session", args: argparse.Namespace) -> int:
    found = await session.postures.history(max(1, min(args.limit, 1000)))
    if args.json:
        print(json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=1))
        return 0
    for one in found.runs:
        print(
            f"{one.checked:%Y-%m-%d %H:%M}  {one.level}/4  ✓ {one.passed:3d}  ✗ {one.failed:3d}"
            f"  ? {one.unknown:3d}  {one.reason:6s}  {one.consequence:13s}  {one.digest[:12]}  {one.actor}"
        )
    return 0
