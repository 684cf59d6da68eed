"""`wardbox audit`: verify the log, export it for an auditor, look at its latest entries."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from appliance.commands import (
    audit_archive,
    audit_bodies,
    audit_export,
    audit_forward,
    audit_search,
    audit_witness,
)
from appliance.commands.conversation import converse
from appliance.commands.entry_line import show

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.audit import Entry

_ELSEWHERE: Final = (
    dict.fromkeys(audit_search.WHATS, audit_search.run)
    | dict.fromkeys(audit_archive.WHATS, audit_archive.run)
    | dict.fromkeys(audit_bodies.WHATS, audit_bodies.run)
    | dict.fromkeys(audit_export.WHATS, audit_export.run)
    | dict.fromkeys(audit_witness.WHATS, audit_witness.run)
    | dict.fromkeys(audit_forward.WHATS, audit_forward.run)
)
"""The words that have modules of their own."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit` to the command line."""
    parser = commands.add_parser("audit", help="审计 verify, export or look at the audit log")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("verify", help="全量校验 recompute the whole log")
    tail = what.add_parser("tail", help="最近的记录 the latest entries")
    tail.add_argument("-n", "--count", type=int, default=20, metavar="N")
    tail.add_argument("--tag", help="标签,可用 * 结尾 a tag, or its beginning and *")
    tail.add_argument("--actor", help="操作者 who did it")
    tail.add_argument("--json", action="store_true", help="JSON 行 JSON lines")
    tail.add_argument("-f", "--follow", action="store_true", help="持续显示 go on as they come")
    receipt = what.add_parser("receipt", help="收据 from an answer to the weights that wrote it")
    receipt.add_argument("id")
    audit_search.add_parsers(what)
    audit_archive.add_parsers(what)
    audit_bodies.add_parsers(what)
    audit_export.add_parsers(what)
    audit_witness.add_parsers(what)
    audit_forward.add_parsers(what)


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or the log does not verify, 3 no box answers.
    """
    if args.what in _ELSEWHERE:
        return _ELSEWHERE[args.what](args)
    jobs = {"verify": _verify, "tail": _tail, "receipt": _receipt}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _verify(session: "Session", _: argparse.Namespace) -> int:
    found = await session.audit_verify()
    print(found.sentence, file=sys.stdout if found.ok else sys.stderr)
    print(f"记录 entries  {found.entries}\n根 root       {found.root or '-'}")
    return 0 if found.ok else 1


async def _tail(session: "Session", args: argparse.Namespace) -> int:
    wanted = {"limit": str(args.count), "tag": args.tag, "actor": args.actor}
    query = {name: value for name, value in wanted.items() if value is not None}
    page = await session.audit_entries(**query)
    for entry in reversed(page.entries):
        show(entry, as_json=args.json)
    if args.follow:
        async for entry in session.audit_live():
            if _meets(entry, args):
                show(entry, as_json=args.json)
    return 0


async def _receipt(session: "Session", args: argparse.Namespace) -> int:
    print((await session.receipt(args.id)).model_dump_json(indent=2))
    return 0


def _meets(entry: "Entry", args: argparse.Namespace) -> bool:
    tag = args.tag or "*"
    same = entry.tag.startswith(tag[:-1]) if tag.endswith("*") else entry.tag == tag
    return same and args.actor in {None, entry.actor}
