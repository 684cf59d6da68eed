"""`wardbox usage`: what was used, added up or as a table for spreadsheets."""

import argparse
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse, tell
from appliance.commands.errors import FileUnusable

if TYPE_CHECKING:
    from appliance.client.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `usage` to the command line."""
    parser = commands.add_parser("usage", help="查看与导出用量 see and export what was used")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    show = what.add_parser("show", help="汇总 add it up")
    show.add_argument("--by", choices=("key", "user", "model", "day"), default="key")
    export = what.add_parser("export", help="导出 CSV export the hourly rows")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="新文件 a new file")
    for one in (show, export):
        one.add_argument("--from", dest="since", type=_day, metavar="DAY", help="YYYY-MM-DD")
        one.add_argument(
            "--to", dest="until", type=_day, metavar="DAY", help="YYYY-MM-DD(不含 not included)"
        )


def _day(text: str) -> date:
    # A day of the box, as its reports and quotas count them, whatever this machine's clock says.
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"应为日期,如 2026-01-31 a day is expected, such as 2026-01-31: {text}"
        raise argparse.ArgumentTypeError(message) from None


def run(args: argparse.Namespace) -> int:
    """Show or export.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    jobs = {"show": _show, "export": _export}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _show(session: "Session", args: argparse.Namespace) -> int:
    report = await session.access.usage(args.by, args.since, args.until)
    for row in report.rows:
        name = f"{row.name or '-'}  {row.label}".rstrip()
        print(f"{name}  {row.requests}  {row.prompt_tokens}  {row.completion_tokens}")
    return 0


async def _export(session: "Session", args: argparse.Namespace) -> int:
    pieces = session.access.export_usage(args.since, args.until)
    # Asked before the file is made: a refusal leaves no empty file behind.
    first = await anext(pieces, b"")
    written = 0
    try:
        # What a hospital pays and who asked is not for every account of this machine.
        handle = os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        refusal = FileUnusable(path=args.out, reason=error.strerror or "")
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    with os.fdopen(handle, "wb") as out:
        written += out.write(first)
        async for piece in pieces:
            written += out.write(piece)
    print(f"{args.out}  {written} B")
    return 0
