"""`wardbox audit export`, `exports`, `verifier`: what an auditor takes away, and what checks it."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from datetime import datetime

    from appliance.client.session import Session
    from appliance.contract.audit import ExportState

WHATS: Final = frozenset(("export", "exports", "verifier"))
_FORMATS: Final = ("cef", "dicom", "fhir", "html")
_EVERY_S: Final = 0.3
_BAR: Final = 30


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about exports to `wardbox audit`."""
    out = what.add_parser("export", help="导出 export it with a stand-alone verify.py")
    out.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="空目录 an empty directory"
    )
    out.add_argument(
        "--from", dest="since", metavar="TIME", help="起始日期或时间 first day or moment"
    )
    out.add_argument("--to", dest="until", metavar="TIME", help="截止日期或时间 last day or moment")
    out.add_argument(
        "--patient", metavar="ID", help="患者编号或假名 a patient's number or pseudonym"
    )
    out.add_argument("--actor", metavar="WHO", help="操作者 who did it: key:…, user:…")
    out.add_argument("--model", metavar="ID", help="模型名或摘要 a model's id or digest")
    out.add_argument("--tag", help="标签,可用 * 结尾 a tag, or its beginning and *")
    out.add_argument("--first", type=int, metavar="N", help="第一条 first entry")
    out.add_argument("--last", type=int, metavar="N", help="最后一条 last entry, inclusive")
    out.add_argument(
        "--formats",
        metavar="LIST",
        default=",".join(_FORMATS),
        help="附带格式,逗号分隔;none 表示不附带 what stands beside the entries, with commas: "
        f"{','.join(_FORMATS)} (all by default), or none",
    )
    out.add_argument(
        "--bodies", action="store_true", help="附带解密的正文(需要权限) decrypted bodies too"
    )
    lying = what.add_parser("exports", help="列出导出 list the exports that lie on the box")
    lying.add_argument("--remove", metavar="ID", help="移除一份 take this one away")
    program = what.add_parser("verifier", help="输出 verify.py the program that checks exports")
    program.add_argument("--out", type=Path, metavar="FILE", help="写入文件 into this file")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or not writable, 2 a format that there is not, 3 no box answers.
    """
    if args.what == "verifier":
        return _verifier(args.out)
    if args.what == "exports":
        return converse(args, lambda session: _exports(session, args.remove))
    chosen = [] if args.formats == "none" else args.formats.split(",")
    if wrong := [one for one in chosen if one not in _FORMATS]:
        known = "、".join(_FORMATS)
        print(f"没有格式 {wrong[0]!r},可选:{known} 或 none。", file=sys.stderr)
        print(f"There is no format {wrong[0]!r}; choose of {known}, or none.", file=sys.stderr)
        return 2
    return converse(args, lambda session: _export(session, args, chosen))


def _verifier(out: Path | None) -> int:
    from secure_compute.verifier.single_file import verifier_source  # noqa: PLC0415  # light

    if out is None:
        sys.stdout.buffer.write(verifier_source())
        return 0
    try:
        out.write_bytes(verifier_source())
    except OSError as error:
        print(f"写不了 {out} It cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _export(session: "Session", args: argparse.Namespace, formats: list[str]) -> int:
    from appliance.contract.audit import ExportWish  # noqa: PLC0415  # keeps --help light

    wish = ExportWish.model_validate(
        {
            # The box writes it, so the path must not depend on where this command was called.
            "out": str(args.out.expanduser().absolute()),
            "formats": formats,
            **{
                name: getattr(args, name)
                for name in ("first", "last", "since", "until", "actor", "model", "patient", "tag")
            },
            "bodies": args.bodies,
        }
    )
    seen = await session.audit_export_begin(wish)
    _tell_span(seen)
    while seen.state in {"waiting", "running"}:
        _tell_progress(seen)
        await asyncio.sleep(_EVERY_S)
        seen = await session.audit_export_state(seen.id)
    _wipe()
    if seen.state != "done":
        print(f"{seen.sentence}\n{seen.way_out}", file=sys.stderr)
        return 1
    print(f"已导出 {seen.entries} 条记录到 {seen.directory}")
    print(f"Exported {seen.entries} entries to {seen.directory}")
    print(f"校验 verify: python3 {Path(seen.directory) / 'verify.py'} {seen.directory}")
    return 0


async def _exports(session: "Session", remove: str | None) -> int:
    if remove is not None:
        await session.audit_export_remove(remove)
        print(f"已移除 {remove} It was taken away.")
        return 0
    found = (await session.audit_exports()).exports
    if not found:
        print("没有导出。 There are no exports.")
    for one in found:
        kept = _moment(one.kept_until, "-")
        entries = "-" if one.entries is None else one.entries
        print(f"{one.id}  {one.state}  {entries} 条 entries  {one.actor or '-'}  至 until {kept}")
        print(f"  {one.directory}")
    return 0


def _tell_span(seen: "ExportState") -> None:
    if seen.since is None and seen.until is None:
        return
    span = f"{_moment(seen.since, '…')} – {_moment(seen.until, '…')}"
    print(f"时间 time: {span}(本机时区 the box's zone)")


def _moment(moment: "datetime | None", absent: str) -> str:
    return absent if moment is None else moment.isoformat(sep=" ", timespec="seconds")


def _tell_progress(seen: "ExportState") -> None:
    if not sys.stderr.isatty():
        return
    share = seen.done / seen.total if seen.total else 0.0
    bar = ("█" * round(_BAR * share)).ljust(_BAR, "░")
    print(
        f"\r{bar} {share:4.0%}  {seen.done:,}/{seen.total:,}", end="", file=sys.stderr, flush=True
    )


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
