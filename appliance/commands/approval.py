"""`wardbox approval`: actions that two administrators decide together."""

import argparse
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse, read_secret

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.people import ApprovalView


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `approval` to the command line."""
    parser = commands.add_parser("approval", help="双人操作 actions that take two people")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list requests and kinds of actions")
    ask = what.add_parser("request", help="申请 ask for one")
    ask.add_argument("action")
    ask.add_argument("subject")
    ask.add_argument("--parameter")
    ask.add_argument("--reason", default="")
    ask.add_argument("--as", dest="person", required=True, metavar="NAME", help="登录名 your name")
    for name, told in (
        ("approve", "批准 approve"),
        ("cancel", "取消 cancel"),
        ("execute", "执行 have it done"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("id")
        one.add_argument("--as", dest="person", required=True, metavar="NAME", help="your name")
        if name == "execute":
            one.add_argument(
                "--with-password", action="store_true", help="读取新密码 read a new password too"
            )


def run(args: argparse.Namespace) -> int:
    """Do what was asked. Both people sign in: password and code from the terminal or from stdin.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    return converse(args, lambda session: _ask(session, args))


async def _ask(session: "Session", args: argparse.Namespace) -> int:
    if args.what == "list":
        return await _list(session)
    password = read_secret(f"{args.person} 的密码 password: ")
    asked = await _needs_code(session, args.person)
    code = read_secret("动态口令 one-time code: ") if asked else None
    await session.sign_in(args.person, password, code)
    try:
        _show(await _do(session, args))
    finally:
        await session.sign_out()
    return 0


async def _needs_code(session: "Session", name: str) -> bool:
    """The local console sees who has one-time codes."""
    return any(user.totp for user in await session.users() if user.name == name)


async def _do(session: "Session", args: argparse.Namespace) -> "ApprovalView":
    from appliance.contract.people import ApprovalWish  # noqa: PLC0415  # keeps --help light

    if args.what == "request":
        wish = ApprovalWish(
            action=args.action,
            subject=args.subject,
            parameter=args.parameter,
            reason=args.reason,
        )
        return await session.access.request(wish)
    if args.what == "execute":
        secret = read_secret("新密码 new password: ") if args.with_password else None
        return await session.access.execute(args.id, secret)
    return await session.access.approval_does(args.id, args.what)


async def _list(session: "Session") -> int:
    told = await session.access.approvals()
    state = "开启 on" if told.on else "关闭 off (access.two_person)"
    print(f"双人操作 two-person actions: {state}")
    for action in told.actions:
        print(f"  {action.name}  {action.zh} {action.en}")
    for one in told.approvals:
        _show(one)
    return 0


def _show(one: "ApprovalView") -> None:
    by = f"{one.requested_by} / {one.decided_by or '-'}"
    print(f"{one.id}  {one.state}  {one.action} {one.subject}  {by}  {one.reason}".rstrip())
