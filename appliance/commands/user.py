"""`wardbox user`: let people in, and list them."""

import argparse
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, read_secret

if TYPE_CHECKING:
    from appliance.client.session import Session

_ROLES: Final = ("administrator", "informatics", "clinician", "auditor", "application")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `user` to the command line."""
    parser = commands.add_parser("user", help="管理用户 manage people")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    make = what.add_parser("create", help="创建(密码从终端或标准输入读取)let somebody in")
    make.add_argument("name", help="名称 a name")
    make.add_argument("--role", choices=_ROLES, required=True, help="角色 the role")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the password comes from the terminal or from stdin.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    jobs = {"list": _list, "create": _create}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for user in await session.users():
        print(f"{user.name}  {user.role}  {'locked' if user.locked else ''}".rstrip())
    return 0


async def _create(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.access import UserWish  # noqa: PLC0415  # keeps --help light

    password = read_secret("密码 password: ")
    wish = UserWish.model_validate({"name": args.name, "password": password, "role": args.role})
    made = await session.create_user(wish)
    print(f"{made.name}  {made.role}")
    return 0
