"""`wardbox update`: trust a vendor, look at an update stick, apply it, and what was applied before."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse, tell
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.update import UpdateView

_STATES = {"verified": "已校验", "refused": "已拒绝", "applied": "已应用"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `update` to the command line."""
    parser = commands.add_parser("update", help="离线更新 trust a vendor, verify or apply a stick")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    trust = what.add_parser(
        "trust", help="导入供应商的信任根;不带文件则显示 import a trust root, or show it"
    )
    trust.add_argument("root", type=Path, nargs="?", metavar="ROOT.json")
    for name, told in (
        ("verify", "校验介质,不作改动 judge a stick and change nothing"),
        ("apply", "校验并应用 judge a stick and take what is on it"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("directory", type=Path, metavar="DIR", help="介质目录 where it is mounted")
        one.add_argument("--json", action="store_true", help="JSON")
    history = what.add_parser("history", help="更新历史 what was seen on sticks")
    history.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    if args.what == "trust":
        return _trust(args)
    if args.what == "history":
        return converse(args, lambda session: _history(session, as_json=args.json))
    # The box reads it, so the path must not depend on where this command was called.
    place = str(args.directory.expanduser().absolute())
    return converse(args, lambda session: _handle(session, args, place))


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


async def _handle(session: "Session", args: argparse.Namespace, place: str) -> int:
    ask = session.verify_update if args.what == "verify" else session.apply_update
    _show(await ask(place), as_json=args.json)
    return 0


async def _history(session: "Session", *, as_json: bool) -> int:
    found = await session.updates()
    if as_json:
        print(found.model_dump_json(indent=2))
        return 0
    for seen in found.updates:
        _show(seen, as_json=False)
    if not found.updates:
        print("还没有更新记录。 No update so far.", file=sys.stderr)
    return 0


def _show(seen: "UpdateView", *, as_json: bool) -> None:
    if as_json:
        print(seen.model_dump_json(indent=2))
        return
    moment = seen.time.strftime("%Y-%m-%d %H:%M")
    state = f"{_STATES.get(seen.state, '')} {seen.state}"
    line = f"{moment}  {seen.id}  {state}  {seen.subject} {seen.version}  {seen.sentence}"
    print("".join(sign if sign.isprintable() else "?" for sign in line))
