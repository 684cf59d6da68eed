"""`wardbox lease`: who holds memory and cores, and when training and evaluation may run."""

import argparse
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `lease` to the command line."""
    parser = commands.add_parser("lease", help="资源占用 who holds memory and cores")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    told = what.add_parser("list", help="列出 list them")
    told.add_argument(
        "--past", type=int, default=0, metavar="N", help="最近 N 次占用 the last N as well"
    )
    window = what.add_parser("window", help="运行时段 when training or evaluation may run")
    window.add_argument("purpose", choices=("train", "evaluate"))
    window.add_argument("hours", help="22:00-06:00,always 为全天 22:00-06:00, or always")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {"list": _list, "window": _window}
    return converse(args, lambda session: actions[args.what](session, args))


async def _list(session: "Session", args: argparse.Namespace) -> int:
    from appliance.client.serving import used  # noqa: PLC0415  # keeps --help light

    told = await session.serving.leases(args.past)
    for one in told.leases:
        state = "yielding" if one.yielding else ""
        line = (
            f"{one.purpose:<8}  {one.holder}  {used(one.holds)}  {one.taken:%m-%d %H:%M}  {state}"
        )
        print(plain(line.rstrip()))
    print(plain(f"空闲 free: {used(told.free)}"))
    for purpose, hours in told.windows.items():
        print(plain(f"{purpose}: {hours}"))
    for old in told.past:
        until = "" if old.ended is None else f"{old.ended:%m-%d %H:%M}"
        line = f"{old.taken:%m-%d %H:%M} - {until:<11}  {old.purpose:<8}  {old.holder}"
        print(plain(f"{line}  {used(old.holds)}"))
    return 0


async def _window(session: "Session", args: argparse.Namespace) -> int:
    hours = None if args.hours == "always" else args.hours
    await session.serving.set_window(args.purpose, hours)
    print("已设置。 Set.")
    return 0
