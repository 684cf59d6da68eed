"""`wardbox backup`: make, list, check, rehearse and restore backups, and name where they go."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.backup_restore import add_restore, run_restore
from appliance.commands.conversation import converse, tell
from appliance.commands.jobs import plain, watch

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.backup import BackupRun, BackupTargetView

_MOST = 4096
_KINDS = ("directory", "disk", "sftp")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `backup` to the command line."""
    parser = commands.add_parser("backup", help="备份 make, check, rehearse or restore backups")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, told in (
        ("create", "立即备份 back up now"),
        ("verify", "校验每个对象 read and check every object"),
        ("drill", "恢复演练 rehearse a restore, with a note by a restored model"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("--target", help="目标;只有一个时可省略 may be left out if there is one")
        one.add_argument("--no-wait", action="store_true", help="不等待 only submit the job")
        if name == "drill":
            one.add_argument("--snapshot", type=int, help="快照编号 number of the snapshot")
        if name == "verify":
            one.add_argument(
                "--quick", action="store_true", help="只查有无与长短 look at names and sizes only"
            )
    listing = what.add_parser("list", help="目标与快照 targets and their snapshots")
    listing.add_argument("--json", action="store_true", help="JSON")
    add_restore(what)
    _add_targets(what.add_parser("target", help="备份目标 where backups go"))


def _add_targets(parser: argparse.ArgumentParser) -> None:
    which = parser.add_subparsers(dest="which", required=True, metavar="WHICH")
    add = which.add_parser("add", help="添加 name one")
    add.add_argument("name", help="名称 what to call it")
    add.add_argument("kind", choices=_KINDS)
    add.add_argument(
        "place", help="目录,或 用户@主机:端口/路径 a directory, or user@host:port/path"
    )
    add.add_argument(
        "--host-key",
        type=Path,
        metavar="FILE",
        help="SFTP 服务器公钥文件,请核对指纹 the server's public key; compare its fingerprint",
    )
    remove = which.add_parser("remove", help="移除;数据保留 forget one; what lies there stays")
    remove.add_argument("name")
    which.add_parser(
        "key", help="本机的 SFTP 公钥与备份公钥 the box's keys for servers and backups"
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or failed, 2 no key was given, 3 no box answers.
    """
    if args.what == "restore":
        return run_restore(args)
    if args.what == "list":
        return converse(args, lambda session: _list(session, as_json=args.json))
    if args.what == "target":
        if args.which == "add":
            return _run_add(args)
        ways = {"remove": _remove, "key": _key}
        return converse(args, lambda session: ways[args.which](session, args))
    return converse(args, lambda session: _submit(session, args))


async def _submit(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.backup import BackupWish  # noqa: PLC0415  # keeps --help light

    target = args.target or await _only(session)
    if target is None:
        return 1
    wish = BackupWish(
        what=args.what,
        target=target,
        snapshot=getattr(args, "snapshot", None),
        deep=not getattr(args, "quick", False),
    )
    job = await session.backups.submit(wish)
    print(job.id, flush=True)
    if args.no_wait:
        return 0
    status = await watch(session, job.id)
    result = (await session.job(job.id)).result or {}
    for name in sorted(result):
        if name not in {"hurts", "whole", "target"}:
            print(plain(f"{name:<12} {result[name]}"))
    for hurt in result.get("hurts", ()):
        print(
            plain(
                f"损坏 damaged  {hurt['name']}  {hurt['why']}  快照 snapshots {hurt['snapshots']}"
            )
        )
    return 1 if result.get("ok") is False else status


async def _only(session: "Session") -> str | None:
    names = [one.name for one in (await session.backups.list()).targets]
    if len(names) == 1:
        return names[0]
    told = ", ".join(names) or "-"
    print(
        plain(f"请用 --target 指明目标({told})。 Name the target with --target ({told})."),
        file=sys.stderr,
    )
    return None


async def _list(session: "Session", *, as_json: bool) -> int:
    from appliance.commands.backup_health import plan_words  # noqa: PLC0415  # keeps --help light

    found = await session.backups.list()
    if as_json:
        print(found.model_dump_json(indent=2))
        return 0
    for target in found.targets:
        for line in target_lines(target):
            print(plain(line))
    if found.plan is not None:
        print(" ".join(plan_words(found.plan)))
    for wrong in found.wrong if found.targets else ():
        print(plain(f"! {wrong.zh} {wrong.en}"))
    if not found.targets:
        print("还没有备份目标。 No backup target so far.", file=sys.stderr)
    return 0


def target_lines(target: "BackupTargetView") -> list[str]:
    """A target, how things stand with it, and its snapshots."""
    lines = [f"{target.name}  {target.kind}  {target.place}"]
    for told, run in (
        ("备份 backup", target.created),
        ("校验 check ", target.verified),
        ("演练 drill ", target.drilled),
    ):
        lines.append(f"  {told}  {_run_text(run)}")
        lines += [f"    {one}" for one in (run.damaged if run else ())]
    for one in target.snapshots:
        moment = one.time.astimezone().strftime("%Y-%m-%d %H:%M")
        lines.append(
            f"  #{one.number:<5} {moment}  {one.files} 个文件 files  {one.size} B  +{one.added} B"
            f"  审计 audit {one.tree_size}"
        )
    return lines


def _run_text(run: "BackupRun | None") -> str:
    if run is None:
        return "从未 never"
    moment = run.time.astimezone().strftime("%Y-%m-%d %H:%M")
    snapshot = f"#{run.snapshot}" if run.snapshot else ""
    return f"{moment}  {'好 ok' if run.ok else '失败 failed'}  {snapshot}  {run.sentence}"


def _run_add(args: argparse.Namespace) -> int:
    from appliance.commands.errors import FileUnusable  # noqa: PLC0415  # keeps --help light

    key, place = "", args.place
    if args.host_key is not None:
        try:
            key = args.host_key.read_text(encoding="utf-8")[:_MOST].strip()
        except (OSError, UnicodeDecodeError) as error:
            refusal = FileUnusable(path=args.host_key, reason=str(error))
            tell(refusal.sentence, refusal.way_out, refusal.code)
            return 1
    if args.kind != "sftp":
        # The box reads it, so the path must not depend on where this command was called.
        place = str(Path(place).expanduser().absolute())
    return converse(args, lambda session: _add(session, args, place, key))


async def _add(session: "Session", args: argparse.Namespace, place: str, key: str) -> int:
    from appliance.contract.backup import BackupTargetWish  # noqa: PLC0415  # keeps --help light

    wish = BackupTargetWish(name=args.name, kind=args.kind, place=place, host_key=key)
    for line in target_lines(await session.backups.add(wish)):
        print(plain(line))
    return 0


async def _remove(session: "Session", args: argparse.Namespace) -> int:
    await session.backups.remove(args.name)
    return 0


async def _key(session: "Session", _: argparse.Namespace) -> int:
    found = await session.backups.list()
    print(f"authorized_keys  {found.login}\nage              {found.recipient}")
    return 0
