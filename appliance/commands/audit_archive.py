"""`wardbox audit archive`: old entries move to another disk, with their proofs; `archives` lists them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.audit_archives import ArchiveView

WHATS: Final = frozenset({"archive", "archives"})


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `audit archive` and `audit archives`."""
    archive = what.add_parser("archive", help="旧记录移出归档 move old entries to another disk")
    archive.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="介质上的空目录 an empty directory"
    )
    archive.add_argument(
        "--days", type=int, metavar="N", help="早于多少天,默认按设置 older than so many days"
    )
    what.add_parser("archives", help="列出归档 list the archives")


def run(args: argparse.Namespace) -> int:
    """Archive, or list the archives.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    jobs = {"archive": _archive, "archives": _archives}
    return converse(args, lambda session: jobs[args.what](session, args))


async def _archive(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.audit_archives import ArchiveWish  # noqa: PLC0415  # keeps --help light

    # The box writes it, so the path must not depend on where this command was called.
    place = str(args.out.expanduser().absolute())
    made = await session.audit_archive(ArchiveWish(out=place, days=args.days))
    print(f"已归档第 {made.first} 至 {made.last} 条,并已读回核对;记录已移出设备。")
    print(f"Archived entries {made.first} to {made.last}, read back; they have left the box.")
    print(f"校验 verify: python3 {Path(made.place) / 'verify.py'} {made.place}")
    return 0


async def _archives(session: "Session", _: argparse.Namespace) -> int:
    found = (await session.audit_archives()).archives
    if not found:
        print("没有归档,所有记录都在设备中。 No archives; every entry is on the box.")
    for one in found:
        print(_line(one))
    return 0


def _line(one: "ArchiveView") -> str:
    days = f"{one.since:%Y-%m-%d} - {one.until:%Y-%m-%d}"
    line = f"{one.first:>12} - {one.last:<12}  {days}  {one.name}  {one.place}  {one.digest}"
    return "".join(sign if sign.isprintable() else "?" for sign in line)
