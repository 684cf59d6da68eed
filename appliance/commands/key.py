"""`wardbox key`: make, list and revoke API keys."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `key` to the command line."""
    parser = commands.add_parser("key", help="管理密钥 manage API keys")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    make = what.add_parser("create", help="创建 make one; its secret is shown once")
    make.add_argument("name", help="名称 a name")
    make.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help="权限,可重复 a scope, repeatable (chat, specialists)",
    )
    make.add_argument(
        "--model", action="append", metavar="ID", help="可用模型,可重复 allowed models"
    )
    make.add_argument("--days", type=int, help="有效天数 valid for so many days")
    make.add_argument("--requests-per-minute", type=int, metavar="N")
    make.add_argument("--tokens-per-minute", type=int, metavar="N")
    gone = what.add_parser("revoke", help="吊销 revoke one at once")
    gone.add_argument("id")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    jobs = {"list": _list, "create": _create, "revoke": _revoke}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for key in await session.keys():
        state = "revoked" if key.revoked else "active"
        until = f"until {key.expires:%Y-%m-%d}" if key.expires else ""
        print(f"{key.id}  {state:<7}  {key.name}  {','.join(key.scopes)}  {until}".rstrip())
    return 0


async def _create(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.access import KeyWish  # noqa: PLC0415  # keeps --help light

    now = datetime.now(UTC)  # noqa: TID251  # a command is its own clock
    wish = KeyWish.model_validate(
        {
            "name": args.name,
            "scopes": tuple(args.scope) or ("chat", "specialists"),
            "models": None if args.model is None else tuple(args.model),
            "expires": None if args.days is None else now + timedelta(days=args.days),
            "requests_per_minute": args.requests_per_minute,
            "tokens_per_minute": args.tokens_per_minute,
        }
    )
    made = await session.create_key(wish)
    print(made.secret)
    print("密钥只显示这一次,请妥善保存。 The key is shown this once.", file=sys.stderr)
    return 0


async def _revoke(session: "Session", args: argparse.Namespace) -> int:
    await session.revoke_key(args.id)
    print("已吊销。 Revoked.")
    return 0
