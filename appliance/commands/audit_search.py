"""`wardbox audit search`: find entries by time, actor, patient, model, tag or request, page by page."""

import argparse
import sys
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse
from appliance.commands.entry_line import show

if TYPE_CHECKING:
    from appliance.client.session import Session

WHATS: Final = frozenset({"search"})
_DAY: Final = len("2026-03-01")


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit search`."""
    search = what.add_parser("search", help="检索记录 find entries")
    moment = "日期,或带时区的时刻 a day, or a moment with its offset"
    search.add_argument("--from", dest="since", type=_begin, metavar="DAY", help=f"起 {moment}")
    search.add_argument("--to", dest="until", type=_end, metavar="DAY", help=f"止 {moment}")
    search.add_argument("--actor", metavar="WHO", help="操作者 who did it")
    search.add_argument("--patient", metavar="ID", help="患者代号 a patient's pseudonym")
    search.add_argument("--model", metavar="ID", help="模型或其摘要 a model, or its digest")
    search.add_argument("--tag", help="标签,可用 * 结尾 a tag, or its beginning and *")
    search.add_argument("--request", dest="request_id", metavar="ID", help="请求 a request's id")
    search.add_argument("--limit", type=int, default=100, metavar="N", help="每页条数 1 - 1000")
    search.add_argument(
        "--after",
        dest="before",
        type=int,
        metavar="N",
        help="上一页的最后一条 last of the page before",
    )
    search.add_argument("--json", action="store_true", help="JSON 行 JSON lines")


def run(args: argparse.Namespace) -> int:
    """Search.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    return converse(args, lambda session: _search(session, args))


async def _search(session: "Session", args: argparse.Namespace) -> int:
    names = ("since", "until", "actor", "patient", "model", "tag", "request_id", "limit", "before")
    wanted = {name: getattr(args, name) for name in names}
    query = {name: str(value) for name, value in wanted.items() if value is not None}
    page = await session.audit_entries(**query)
    for entry in page.entries:
        show(entry, as_json=args.json)
    # What is not an entry goes where a program that reads entries does not look.
    if not page.entries:
        print("没有符合条件的记录。 No entry meets this.", file=sys.stderr)
    if page.next_before is not None:
        print(f"更早的记录 older ones: --after {page.next_before}", file=sys.stderr)
    if page.archived is not None:
        print(page.archived, file=sys.stderr)
    return 0


def _begin(text: str) -> str:
    return _moment(text, time.min)


def _end(text: str) -> str:
    return _moment(text, time.max)


def _moment(text: str, of_day: time) -> str:
    """RFC 3339 for a day of this machine's time zone, or for a moment with its offset."""
    try:
        if len(text) == _DAY:
            return datetime.combine(date.fromisoformat(text), of_day).astimezone().isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"{text}:请写成 write it like 2026-03-01, or 2026-03-01T08:00:00+08:00"
        raise argparse.ArgumentTypeError(message)
    return moment.isoformat()
