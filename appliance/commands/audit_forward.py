"""`wardbox audit forward`: how forwarding to the hospital's SIEM stands, and a try."""

import argparse
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session


WHATS = ("forward",)


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `forward` to the commands of `audit`."""
    parser = what.add_parser("forward", help="转发到 SIEM forwarding to the hospital's SIEM")
    which = parser.add_subparsers(dest="which", required=True, metavar="WHICH")
    status = which.add_parser("status", help="进度与积压 how far it has come")
    status.add_argument("--json", action="store_true", help="JSON")
    which.add_parser("test", help="发送测试消息 deliver a test message")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done or in order, 1 refused, failing or late, 3 no box answers.
    """
    jobs = {"status": _status, "test": _test}
    return converse(args, lambda session: jobs[args.which](session, args))


async def _status(session: "Session", args: argparse.Namespace) -> int:
    now = await session.watchers.forwarding()
    well = now.state in {"off", "running"} and not now.late
    if args.json:
        print(now.model_dump_json(indent=2))
        return 0 if well else 1
    lines = [f"状态 state      {now.state}  {now.target}  {now.format}"]
    if now.target:
        lines.append(f"进度 position   {now.position} / {now.size}  积压 behind {now.behind}")
        lines.append(f"延迟 lag        {now.lag_s:.0f} s{'  过久 LATE' if now.late else ''}")
    if now.confirmed is not None:
        lines.append(f"确认 confirmed  {now.confirmed.astimezone():%Y-%m-%d %H:%M:%S}")
    if now.reason is not None:
        lines.append(f"原因 reason     {now.reason.zh} {now.reason.en}")
    for line in lines:
        print(plain(line))
    return 0 if well else 1


async def _test(session: "Session", _: argparse.Namespace) -> int:
    made = await session.watchers.test_forwarding()
    print(plain(f"已送达 delivered  {made.target}  {made.peer}"))
    return 0
