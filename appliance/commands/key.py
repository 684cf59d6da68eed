"""`wardbox key`: make, list, limit and revoke API keys."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.access import KeyView

_LIMITS: Final = tuple(
    f"{what}_per_{span}" for span in ("minute", "day", "month") for what in ("requests", "tokens")
)


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
    make.add_argument(
        "--account", metavar="NAME", help="所属服务账号 the service account that owns it"
    )
    _add_limits(make)
    quota = what.add_parser(
        "quota", help="设定限额,未给出的不限 set its limits; those left out are lifted"
    )
    quota.add_argument("id")
    _add_limits(quota)
    gone = what.add_parser("revoke", help="吊销 revoke one at once")
    gone.add_argument("id")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    for limit in _LIMITS:
        parser.add_argument(f"--{limit.replace('_', '-')}", type=int, metavar="N")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    jobs = {"list": _list, "create": _create, "quota": _quota, "revoke": _revoke}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for key in await session.keys():
        until = f"until {key.expires:%Y-%m-%d}" if key.expires else ""
        told = (key.id, f"{key.state:<9}", key.name, key.owner, ",".join(key.scopes))
        print("  ".join((*told, until, _told(key))).rstrip())
    return 0


def _told(key: "KeyView") -> str:
    set_ = {limit: getattr(key, limit) for limit in _LIMITS}
    return " ".join(f"{limit}={most}" for limit, most in set_.items() if most is not None)


def _limits(args: argparse.Namespace) -> dict[str, int | None]:
    return {limit: getattr(args, limit) for limit in _LIMITS}


async def _create(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.access import KeyWish  # noqa: PLC0415  # keeps --help light

    now = datetime.now(UTC)  # noqa: TID251  # a command is its own clock
    wish = KeyWish.model_validate(
        {
            "name": args.name,
            "scopes": tuple(args.scope) or ("chat", "specialists"),
            "models": None if args.model is None else tuple(args.model),
            "expires": None if args.days is None else now + timedelta(days=args.days),
            "account": args.account,
            **_limits(args),
        }
    )
    made = await session.create_key(wish)
    print(made.secret)
    print("密钥只显示这一次,请妥善保存。 The key is shown this once.", file=sys.stderr)
    return 0


async def _quota(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.access import KeyLimits  # noqa: PLC0415  # keeps --help light

    key = await session.access.set_limits(args.id, KeyLimits.model_validate(_limits(args)))
    print(f"{key.id}  {_told(key) or '不限 no limits'}")
    return 0


async def _revoke(session: "Session", args: argparse.Namespace) -> int:
    await session.revoke_key(args.id)
    print("已吊销。 Revoked.")
    return 0
