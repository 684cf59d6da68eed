"""`wardbox audit`: verify the log, export it for an auditor, look at its latest entries."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands import audit_bodies
from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.audit import Entry


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit` to the command line."""
    parser = commands.add_parser("audit", help="审计 verify, export or look at the audit log")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("verify", help="全量校验 recompute the whole log")
    out = what.add_parser("export", help="导出 export it with a stand-alone verify.py")
    out.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="空目录 an empty directory"
    )
    out.add_argument("--first", type=int, metavar="N", help="第一条 first entry")
    out.add_argument("--last", type=int, metavar="N", help="最后一条 last entry, inclusive")
    tail = what.add_parser("tail", help="最近的记录 the latest entries")
    tail.add_argument("-n", "--count", type=int, default=20, metavar="N")
    tail.add_argument("--tag", help="标签,可用 * 结尾 a tag, or its beginning and *")
    tail.add_argument("--actor", help="操作者 who did it")
    tail.add_argument("--json", action="store_true", help="JSON 行 JSON lines")
    tail.add_argument("-f", "--follow", action="store_true", help="持续显示 go on as they come")
    receipt = what.add_parser("receipt", help="收据 from an answer to the weights that wrote it")
    receipt.add_argument("id")
    audit_bodies.add_parsers(what)


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or the log does not verify, 3 no box answers.
    """
    if args.what in audit_bodies.WHATS:
        return audit_bodies.run(args)
    jobs = {"verify": _verify, "export": _export, "tail": _tail, "receipt": _receipt}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _verify(session: "Session", _: argparse.Namespace) -> int:
    found = await session.audit_verify()
    print(found.sentence, file=sys.stdout if found.ok else sys.stderr)
    print(f"记录 entries  {found.entries}\n根 root       {found.root or '-'}")
    return 0 if found.ok else 1


async def _export(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.audit import ExportWish  # noqa: PLC0415  # keeps --help light

    # The box writes it, so the path must not depend on where this command was called.
    place = str(args.out.expanduser().absolute())
    made = await session.audit_export(ExportWish(out=place, first=args.first, last=args.last))
    print(f"已导出 {made.entries} 条记录到 {made.directory}")
    print(f"Exported {made.entries} entries to {made.directory}")
    print(f"校验 verify: python3 {Path(made.directory) / 'verify.py'} {made.directory}")
    return 0


async def _tail(session: "Session", args: argparse.Namespace) -> int:
    wanted = {"limit": str(args.count), "tag": args.tag, "actor": args.actor}
    query = {name: value for name, value in wanted.items() if value is not None}
    page = await session.audit_entries(**query)
    for entry in reversed(page.entries):
        _show(entry, as_json=args.json)
    if args.follow:
        async for entry in session.audit_live():
            if _meets(entry, args):
                _show(entry, as_json=args.json)
    return 0


async def _receipt(session: "Session", args: argparse.Namespace) -> int:
    print((await session.receipt(args.id)).model_dump_json(indent=2))
    return 0


def _meets(entry: "Entry", args: argparse.Namespace) -> bool:
    tag = args.tag or "*"
    same = entry.tag.startswith(tag[:-1]) if tag.endswith("*") else entry.tag == tag
    return same and args.actor in {None, entry.actor}


def _show(entry: "Entry", *, as_json: bool) -> None:
    if as_json:
        print(entry.model_dump_json(), flush=True)
        return
    moment = entry.time.strftime("%Y-%m-%d %H:%M:%S")
    line = f"{entry.index:>8}  {moment}  {entry.tag:<32}  {entry.actor}  {entry.subject or ''}"
    # Names come from outside; what could steer a terminal is shown as a question mark.
    print("".join(sign if sign.isprintable() else "?" for sign in line).rstrip(), flush=True)
