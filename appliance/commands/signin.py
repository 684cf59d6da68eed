"""`wardbox signin`: the box's secrets at the hospital's directories, and a look whether they work."""

import argparse
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, read_secret

if TYPE_CHECKING:
    from appliance.client.session import Session

_WAYS: Final = ("ldap", "oidc")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `signin` to the command line."""
    parser = commands.add_parser("signin", help="外部登录 sign-in by directory or provider")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("status", help="查看 what is set up")
    secret = what.add_parser("secret", help="设置口令(从终端或标准输入读取)give the box its secret")
    secret.add_argument("way", choices=_WAYS, help="哪一个 which one")
    what.add_parser("check", help="立即核对已登录人员 look everybody up now")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; a secret comes from the terminal or from stdin.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {"status": _status, "secret": _secret, "check": _check}
    return converse(args, lambda session: actions[args.what](session, args))


async def _status(session: "Session", _: argparse.Namespace) -> int:
    told = await session.outside.ways()
    for way, on, secret in (
        ("ldap", told.ldap, told.ldap_secret),
        ("oidc", told.oidc, told.oidc_secret),
    ):
        print(f"{way}  {'on' if on else 'off'}  {'secret kept' if secret else 'no secret'}")
    return 0


async def _secret(session: "Session", args: argparse.Namespace) -> int:
    await session.outside.set_secret(args.way, read_secret("口令 secret: "))
    print("已保存。 Kept.")
    return 0


async def _check(session: "Session", _: argparse.Namespace) -> int:
    told = await session.outside.check()
    print(f"结束了 {told.ended} 人的会话。 {told.ended} people lost their sessions.")
    return 0
