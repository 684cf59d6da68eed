"""`wardbox update`: trust a vendor, look at a stick, see what it would change, apply it, take it back."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse, read_secret, tell
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.job import Job

KINDS = ("software", "models", "evaluations", "baselines", "data")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `update` to the command line."""
    parser = commands.add_parser("update", help="离线更新 trust a vendor, verify or apply a stick")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    trust = what.add_parser(
        "trust", help="导入供应商的信任根;不带文件则显示 import a trust root, or show it"
    )
    trust.add_argument("root", type=Path, nargs="?", metavar="ROOT.json")
    _reading(what.add_parser("status", help="介质、已装内容与进度 sticks, what is here, progress"))
    for name, told in (
        ("verify", "校验介质,不作改动 read a whole stick and change nothing"),
        ("plan", "应用前:会改变什么 what applying a stick would change"),
        ("apply", "校验并应用 judge a stick and take what is on it"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("directory", type=Path, metavar="DIR", help="介质目录 where it is mounted")
        _reading(one)
        if name != "verify":
            one.add_argument(
                "--approval",
                metavar="ID",
                help="已过期但最新的介质:双人批准的编号 the approval of an expired stick",
            )
            one.add_argument("--as", dest="person", metavar="NAME", help="登录名 your name")
    _reading(what.add_parser("history", help="更新历史 what was seen on sticks"))
    back = what.add_parser("rollback", help="退回上一版本 go back to the version before")
    back.add_argument("kind", choices=KINDS)
    back.add_argument("id", help="编号 which package; wardbox for the software")
    _reading(back)
    _reading(what.add_parser("health", help="更新后的健康检查 whether the box works"))


def _reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done (of `health`: well), 1 refused or not well, 3 no box answers.
    """
    if args.what == "trust":
        return _trust(args)
    ways = {
        "status": _status,
        "history": _history,
        "health": _health,
        "rollback": _rollback,
        "plan": _plan,
        "verify": _read,
        "apply": _read,
    }
    return converse(args, lambda session: ways[args.what](session, args))


def _trust(args: argparse.Namespace) -> int:
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help light
    from appliance.updates.trust import MAX_ROOT, TrustStore  # noqa: PLC0415

    layout = StateLayout(state_directory(args.environ))
    store = TrustStore(layout.updates_root)
    try:
        if args.root is None:
            pinned = store.pinned()
        else:
            with args.root.open("rb") as stream:
                raw = stream.read(MAX_ROOT + 1)
            pinned = store.pin(raw, datetime.fromtimestamp(time.time(), UTC))
    except ApplianceError as error:
        tell(error.sentence, error.way_out, error.code)
        return 1
    except OSError as error:
        from appliance.commands.errors import FileUnreadable  # noqa: PLC0415

        refusal = FileUnreadable(path=args.root, reason=error.strerror)
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    groups = [pinned.fingerprint[start : start + 4] for start in range(0, 64, 4)]
    print(f"版本 version        {pinned.version}")
    print(f"有效期至 expires    {pinned.expires:%Y-%m-%d}")
    print(f"签名门限 threshold  {pinned.threshold} / {len(pinned.keys)}")
    for key in pinned.keys:
        print(f"密钥 root key       {key}")
    print(f"指纹 fingerprint    {' '.join(groups)}")
    print("请与供应商电话核对指纹。 Compare the fingerprint with the vendor over the telephone.")
    return 0


def _place(args: argparse.Namespace) -> str:
    """The box reads it, so the path must not depend on where this command was called."""
    return str(args.directory.expanduser().absolute())


async def _status(session: "Session", args: argparse.Namespace) -> int:
    from appliance.commands.update_words import status_lines  # noqa: PLC0415  # keeps --help light

    found = await session.updates.status()
    _say(found.model_dump_json(indent=2) if args.json else status_lines(found))
    return 0


async def _plan(session: "Session", args: argparse.Namespace) -> int:
    from appliance.commands.update_words import plan_lines  # noqa: PLC0415  # keeps --help light

    found = await session.updates.plan(_place(args), args.approval)
    _say(found.model_dump_json(indent=2) if args.json else plan_lines(found))
    return 1 if found.hindrances else 0


async def _read(session: "Session", args: argparse.Namespace) -> int:
    place = _place(args)
    if args.what == "verify":
        return await _follow(session, await session.updates.verify(place), args)
    if args.approval is not None:
        await _sign_in(session, args)
    return await _follow(session, await session.updates.apply(place, args.approval), args)


async def _sign_in(session: "Session", args: argparse.Namespace) -> None:
    """Whoever uses an approval is one of the two: password and code from the terminal or stdin."""
    name = args.person or ""
    password = read_secret(f"{name} 的密码 password: ")
    coded = any(user.totp for user in await session.users() if user.name == name)
    code = read_secret("动态口令 one-time code: ") if coded else None
    await session.sign_in(name, password, code)


async def _rollback(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.update import RollbackWish  # noqa: PLC0415  # keeps --help light

    wish = RollbackWish(kind=args.kind, id=args.id)
    return await _follow(session, await session.updates.rollback(wish), args)


async def _follow(session: "Session", job: "Job", args: argparse.Namespace) -> int:
    """Show how a job goes on and how it ended."""
    from appliance.commands.update_words import progress_line  # noqa: PLC0415  # keeps --help light

    async for event in session.job_events(job.id):
        if event.event == "progress" and not args.json:
            print(_plain(progress_line(event.data)), file=sys.stderr, flush=True)
    ended = await session.job(job.id)
    if args.json:
        print(ended.model_dump_json(indent=2))
    elif ended.result is not None:
        result = ended.result
        line = f"{result['state']}  {result['subject']} {result['version']}  {result['sentence']}"
        print(_plain(f"{result['bundle']}  {line}"))
    if ended.fault is not None:
        tell(_plain(ended.fault.sentence), _plain(ended.fault.way_out), ended.fault.code)
    return 0 if ended.state == "done" else 1


async def _history(session: "Session", args: argparse.Namespace) -> int:
    from appliance.commands.update_words import seen_line  # noqa: PLC0415  # keeps --help light

    found = await session.updates.list()
    if args.json:
        print(found.model_dump_json(indent=2))
        return 0
    _say([seen_line(seen) for seen in found.updates])
    if not found.updates:
        print("还没有更新记录。 No update so far.", file=sys.stderr)
    return 0


async def _health(session: "Session", args: argparse.Namespace) -> int:
    found = await session.updates.health()
    lines = [
        f"{'✔' if one.ok else '✖'} {one.name:<9} {one.told.zh} {one.told.en} ({one.seconds:.1f} s)"
        for one in found.checks
    ]
    _say(found.model_dump_json(indent=2) if args.json else lines)
    return 0 if found.ok else 1


def _say(told: str | list[str]) -> None:
    """A document as it is, or lines made fit for a terminal."""
    print(told if isinstance(told, str) else "\n".join(map(_plain, told)))


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
