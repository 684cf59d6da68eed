"""`wardbox user`: people, their sessions, roles and service accounts."""

import argparse
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, read_secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from appliance.client.session import Session

_STANDING: Final = {
    "disable": "停用 disable",
    "enable": "启用 enable",
    "unlock": "解除锁定 lift a lockout",
    "remove": "删除 remove",
    "reset-totp": "解除动态口令 remove one-time codes",
}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `user` to the command line."""
    parser = commands.add_parser("user", help="管理用户 manage people")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    make = what.add_parser("create", help="创建(密码从终端或标准输入读取)let somebody in")
    make.add_argument("name", help="名称 a name")
    make.add_argument("--role", required=True, help="角色 the role")
    make.add_argument(
        "--temporary", action="store_true", help="首次登录须改密 to be changed at first sign-in"
    )
    word = what.add_parser("password", help="重置密码(从终端或标准输入读取)reset a password")
    word.add_argument("name")
    word.add_argument("--temporary", action="store_true")
    role = what.add_parser("role", help="更换角色 give another role")
    role.add_argument("name")
    role.add_argument("role")
    for name, told in _STANDING.items():
        what.add_parser(name, help=told).add_argument("name")
    what.add_parser("sessions", help="列出会话 list live sessions")
    what.add_parser("end-session", help="终止会话 end a session").add_argument("id")
    _add_roles(what)


def _add_roles(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what.add_parser("roles", help="列出角色 list roles")
    define = what.add_parser("define-role", help="定义角色 define a role of your own")
    define.add_argument("name")
    define.add_argument("--scope", action="append", required=True)
    what.add_parser("remove-role", help="删除角色 remove a role").add_argument("name")
    demand = what.add_parser("demand-totp", help="要求动态口令 one-time codes for a role")
    demand.add_argument("name", metavar="ROLE")
    demand.add_argument("--off", action="store_true", help="不再要求 no longer")
    what.add_parser("accounts", help="列出服务账号 list service accounts")
    account = what.add_parser("create-account", help="创建服务账号 make a service account")
    account.add_argument("name")
    account.add_argument("--role", default="application")
    account.add_argument("--note", default="")
    for name in ("disable-account", "enable-account", "remove-account"):
        what.add_parser(name, help="服务账号 of a service account").add_argument("name")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; passwords come from the terminal or from stdin.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    return converse(args, lambda session: _JOBS[args.what](session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for user in await session.users():
        flags = {"locked": user.locked, "disabled": user.disabled, "totp": user.totp}
        told = [name for name, on in flags.items() if on]
        told += [user.source] if user.source != "local" else []
        print("  ".join((user.name, user.role, " ".join(told))).rstrip())
    return 0


async def _create(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.access import UserWish  # noqa: PLC0415  # keeps --help light

    wish = {"name": args.name, "password": read_secret("密码 password: "), "role": args.role}
    made = await session.create_user(UserWish.model_validate(wish | {"temporary": args.temporary}))
    print(f"{made.name}  {made.role}")
    return 0


async def _password(session: "Session", args: argparse.Namespace) -> int:
    password = read_secret("新密码 new password: ")
    await session.access.reset_password(args.name, password, temporary=args.temporary)
    return _done()


async def _role(session: "Session", args: argparse.Namespace) -> int:
    await session.access.set_role(args.name, args.role)
    return _done()


async def _standing(session: "Session", args: argparse.Namespace) -> int:
    if args.what == "remove":
        await session.access.remove_user(args.name)
    elif args.what == "reset-totp":
        await session.access.reset_totp(args.name)
    else:
        await session.access.user_does(args.name, args.what)
    return _done()


async def _sessions(session: "Session", _: argparse.Namespace) -> int:
    for one in await session.access.sessions():
        seen = f"{one.seen.astimezone():%Y-%m-%d %H:%M}"
        print(f"{one.id}  {one.name}  {one.method}  {one.source or 'local'}  {seen}")
    return 0


async def _end_session(session: "Session", args: argparse.Namespace) -> int:
    await session.access.end_session(args.id)
    return _done()


async def _roles(session: "Session", _: argparse.Namespace) -> int:
    for role in await session.access.roles():
        flags = ("totp  " if role.totp else "") + ("" if role.builtin else "own  ")
        print(f"{role.name}  {flags}{','.join(role.scopes)}")
    return 0


async def _define_role(session: "Session", args: argparse.Namespace) -> int:
    await session.access.define_role(args.name, tuple(args.scope))
    return _done()


async def _remove_role(session: "Session", args: argparse.Namespace) -> int:
    await session.access.remove_role(args.name)
    return _done()


async def _demand_totp(session: "Session", args: argparse.Namespace) -> int:
    await session.access.demand_totp(args.name, demanded=not args.off)
    return _done()


async def _accounts(session: "Session", _: argparse.Namespace) -> int:
    for one in await session.access.accounts():
        print(f"{one.name}  {one.role}  {'disabled  ' if one.disabled else ''}{one.note}".rstrip())
    return 0


async def _create_account(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.people import AccountWish  # noqa: PLC0415  # keeps --help light

    wish = AccountWish(name=args.name, role=args.role, note=args.note)
    made = await session.access.create_account(wish)
    print(f"{made.name}  {made.role}")
    return 0


async def _account(session: "Session", args: argparse.Namespace) -> int:
    what = args.what.partition("-")[0]
    if what == "remove":
        await session.access.remove_account(args.name)
    else:
        await session.access.account_does(args.name, what)
    return _done()


def _done() -> int:
    print("完成。 Done.")
    return 0


_JOBS: "Final[Mapping[str, Callable[[Session, argparse.Namespace], Awaitable[int]]]]" = {
    "list": _list,
    "create": _create,
    "password": _password,
    "role": _role,
    **dict.fromkeys(_STANDING, _standing),
    "sessions": _sessions,
    "end-session": _end_session,
    "roles": _roles,
    "define-role": _define_role,
    "remove-role": _remove_role,
    "demand-totp": _demand_totp,
    "accounts": _accounts,
    "create-account": _create_account,
    **dict.fromkeys(("disable-account", "enable-account", "remove-account"), _account),
}
