"""`wardbox audit witness`: who cosigns the record, what goes to them on a stick, and what came back."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.outside import SecondKeyView, WitnessList

_DAY_S = 86_400


WHATS = ("witness",)


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `witness` to the commands of `audit`."""
    parser = what.add_parser("witness", help="见证方 who cosigns the record")
    which = parser.add_subparsers(dest="which", required=True, metavar="WHICH")
    listing = which.add_parser("list", help="第二把密钥与见证方 the second key and the witnesses")
    listing.add_argument("--json", action="store_true", help="JSON")
    add = which.add_parser(
        "add", help="登记见证方,请与其主机核对公钥 register a witness by its key"
    )
    add.add_argument("name", help="名称 what to call it")
    add.add_argument("key", help="见证公钥(witness.py show) its key, as witness.py shows it")
    which.add_parser("remove", help="移除 forget one; what it cosigned stays").add_argument("name")
    offer = which.add_parser(
        "offer", help="把最新检查点写到 U 盘 lay the newest checkpoint on a stick"
    )
    offer.add_argument(
        "--out", type=Path, required=True, metavar="STICK", help="U 盘目录 its folder"
    )
    take = which.add_parser("take", help="收回见证签名 take in what was cosigned")
    take.add_argument("stick", type=Path, metavar="STICK", help="U 盘目录 its folder")
    which.add_parser("renew", help="更换第二把密钥 make another second key, after a lawful restore")
    program = which.add_parser(
        "program", help="取得 witness.py get witness.py for the other machine"
    )
    program.add_argument("--out", type=Path, required=True, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or something that came back is not accepted, 3 no box answers.
    """
    from appliance.client.stick import StickRefused  # noqa: PLC0415  # keeps --help light

    if args.which == "program":
        return _program(args.out)
    jobs = {
        "list": _list,
        "add": _add,
        "remove": _remove,
        "offer": _offer,
        "take": _take,
        "renew": _renew,
    }
    try:
        return converse(args, lambda session: jobs[args.which](session, args))
    except StickRefused as refusal:
        print(refusal, file=sys.stderr)
        return 1


def _program(out: Path) -> int:
    from secure_compute.witness.single_file import witness_source  # noqa: PLC0415

    try:
        with out.open("xb") as stream:
            stream.write(witness_source())
    except OSError as error:
        print(f"写不了 {out}({error.strerror})。 {out} cannot be written.", file=sys.stderr)
        return 1
    print(f"在另一台机器上运行 run it on another machine: python3 {out.name} --help")
    return 0


async def _list(session: "Session", args: argparse.Namespace) -> int:
    found = await session.watchers.witnesses()
    if args.json:
        print(found.model_dump_json(indent=2))
    else:
        _show(found)
    return 0


async def _add(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.outside import WitnessWish  # noqa: PLC0415  # keeps --help light

    _show(await session.watchers.add(WitnessWish(name=args.name, key=args.key)))
    return 0


async def _remove(session: "Session", args: argparse.Namespace) -> int:
    await session.watchers.remove(args.name)
    return 0


async def _offer(session: "Session", args: argparse.Namespace) -> int:
    from appliance.client.stick import lay_offers  # noqa: PLC0415  # keeps --help light

    found = await session.watchers.offers()
    for path in lay_offers(args.out.expanduser().absolute(), found.offers):
        print(path)
    print(f"本机公钥 the box's key: {found.key}")
    print("在见证主机上 on the witness's machine: python3 witness.py cosign STICK")
    return 0


async def _take(session: "Session", args: argparse.Namespace) -> int:
    from appliance.client.stick import read_cosigned  # noqa: PLC0415  # keeps --help light

    taken = await session.watchers.take(read_cosigned(args.stick.expanduser().absolute()))
    for one in taken:
        mark, out = ("好 ok  ", sys.stdout) if one.ok else ("拒 no  ", sys.stderr)
        print(plain(f"{mark} {one.sentence.zh} {one.sentence.en}"), file=out)
    return 0 if all(one.ok for one in taken) else 1


async def _renew(session: "Session", _: argparse.Namespace) -> int:
    _show(await session.watchers.renew())
    return 0


def _show(found: "WitnessList") -> None:
    print(plain(f"日志 log          {found.size} 条 entries"))
    for line in _second(found.second):
        print(plain(line))
    for one in found.witnesses:
        age = f"{one.age_s / _DAY_S:.1f} 天前 days ago"
        state = "过期 STALE" if one.stale else "好 ok"
        told = f"{one.size} 条 entries  {age}" if one.size is not None else "从未 never"
        print(plain(f"见证 witness      {one.name}  {told}  {state}"))
        print(plain(f"                  {one.key}"))
    if not found.witnesses:
        print("见证 witness      尚未登记 none registered")


def _second(one: "SecondKeyView") -> list[str]:
    where = {"tpm": "TPM", "software": "保险库(较弱) vault (weaker)"}.get(one.kind or "", "-")
    told = "从未 never" if one.size is None else f"{one.size} 条 entries"
    counter = "" if one.counter is None else f"  计数 counter {one.counter}"
    lines = [f"第二把密钥 second  {where}  {told}{counter}"]
    if one.key is not None:
        lines.append(f"                  {one.key}")
    if one.sentence is not None:
        lines.append(f"  !! {one.sentence.zh} {one.sentence.en}")
    return lines
