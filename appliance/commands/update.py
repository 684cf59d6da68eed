"""`wardbox update`: judge an update stick, or take what is on it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.update import UpdateView


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `update` to the command line."""
    parser = commands.add_parser("update", help="离线更新 judge or apply an update stick")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, text in (
        ("verify", "校验,不作改动 judge it and change nothing"),
        ("apply", "校验并应用 judge it and take it"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("directory", type=Path, help="更新介质的目录 where the stick is mounted")
    what.add_parser("list", help="见过的更新包 bundles seen")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {"verify": _verify, "apply": _apply, "list": _list}
    return converse(args, lambda session: actions[args.what](session, args))


async def _verify(session: "Session", args: argparse.Namespace) -> int:
    return _tell(await session.verify_update(_place(args)))


async def _apply(session: "Session", args: argparse.Namespace) -> int:
    return _tell(await session.apply_update(_place(args)))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for seen in (await session.updates()).updates:
        _tell(seen)
    return 0


def _place(args: argparse.Namespace) -> str:
    # The box reads it, so the path must not depend on where this command was called.
    return str(args.directory.expanduser().absolute())


def _tell(seen: "UpdateView") -> int:
    moment = seen.time.strftime("%Y-%m-%d %H:%M")
    line = f"{seen.id}  {moment}  {seen.state:<8}  {seen.subject} {seen.version}  {seen.sentence}"
    print(plain(line))
    return 0
