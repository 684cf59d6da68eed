"""`wardbox vault keys`, `datasets`, `rotate`, `erase`, `certificate`: the vault's keys and their end."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, tell
from appliance.commands.errors import ArgumentRefused

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.vault_keys import KeyList

WHATS: Final = frozenset(("keys", "datasets", "rotate", "erase", "certificate"))
_WHEN: Final = {"now": "立即生效 in use now", "opening": "下次解锁时生效 from the next unlock on"}


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about keys to `wardbox vault`."""
    keys = what.add_parser("keys", help="列出密钥 list the keys: version, algorithm, age")
    keys.add_argument("--json", action="store_true", help="JSON")
    sets = what.add_parser(
        "datasets", help="列出调用方文件与数据集 list callers' files and data sets, and their seals"
    )
    sets.add_argument("--json", action="store_true", help="JSON")
    rotate = what.add_parser("rotate", help="轮换密钥 replace a key while the box serves")
    one = rotate.add_mutually_exclusive_group()
    one.add_argument("--root", action="store_true", help="根密钥(默认) the root key (default)")
    one.add_argument("--use", metavar="NAME", help="某一用途的密钥 the key of one use")
    erase = what.add_parser(
        "erase", help="销毁密钥,永久删除 destroy keys: what they lock is gone for good"
    )
    kinds = erase.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, told in (
        ("dataset", "一个文件或数据集(编号) one file or data set, by its id"),
        ("patient", "一位患者的审计正文 a patient's bodies of the record"),
        ("box", "整台设备 the whole box"),
    ):
        parser = kinds.add_parser(kind, help=told)
        if kind != "box":
            parser.add_argument("subject", metavar="NAME")
        parser.add_argument(
            "--certificate", required=True, metavar="FILE", help="销毁证明 where to write it"
        )
        parser.add_argument("--approval", metavar="ID", help="双人批准的编号 the approval's id")
        parser.add_argument(
            "--confirm",
            metavar="TEXT",
            help="再次写出要销毁的名称;不写则询问 repeat the name; asked for when left out",
        )
    check = what.add_parser("certificate", help="验证销毁证明 verify a certificate, offline")
    check.add_argument("file")
    check.add_argument("--key", metavar="FILE", help="box.vkey;默认用本机的 this box's by default")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 2 the certificate cannot be written there, 3 no box answers.
    """
    if args.what == "certificate":
        return _check(args)
    if args.what == "keys":
        return converse(args, lambda session: _list(session, as_json=args.json))
    if args.what == "datasets":
        return converse(args, lambda session: _datasets(session, as_json=args.json))
    if args.what == "rotate":
        return converse(args, lambda session: _rotate(session, args.use))
    return erase(args)


def erase(args: argparse.Namespace) -> int:
    """Destroy what `kind` and `subject` name, and leave the certificate where `certificate` says.

    Returns:
        As `run`; without a place for it the certificate is printed.
    """
    if args.confirm is None:
        # Asked before the box is, so that no connection waits for a person.
        args.confirm = _confirmed("设备编号 the box's id" if args.kind == "box" else args.subject)
    kept: list[bytes] = []
    if args.certificate is None:
        status = converse(args, lambda session: _erased(session, args, kept))
        print(b"".join(kept).decode(), end="")
        return status
    path = Path(args.certificate)
    try:
        # Tried before anything is destroyed.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        reason = f"{path}: {error.strerror}"
        refusal = ArgumentRefused(field="--certificate", reason=reason)
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 2
    status = 1
    try:
        status = converse(args, lambda session: _erased(session, args, kept))
        for content in kept:
            os.write(handle, content)
        os.fsync(handle)
    except OSError as error:
        # The keys are gone and the proof of it must not be.
        print(b"".join(kept).decode())
        print(f"{path}: {error.strerror}", file=sys.stderr)
    finally:
        os.close(handle)
    if not kept:
        path.unlink(missing_ok=True)
    return status


def _confirmed(name: str) -> str:
    print(f"将永久销毁,无法恢复;请输入 this cannot be undone; type: {name}", file=sys.stderr)
    return sys.stdin.readline().rstrip("\r\n")


async def _erased(session: "Session", args: argparse.Namespace, kept: list[bytes]) -> int:
    from appliance.contract.vault_keys import Erasure  # noqa: PLC0415  # keeps --help light

    subject = args.confirm if args.kind == "box" else args.subject
    wish = Erasure(kind=args.kind, subject=subject, confirm=args.confirm, approval=args.approval)
    made = await session.slots.keys.erase(wish)
    kept.append(made.certificate.encode())
    place = f"{args.certificate} " if args.certificate else ""
    print(f"已销毁 destroyed: {args.kind} {subject}\n证明 certificate: {place}{made.digest}")
    return 0


async def _list(session: "Session", *, as_json: bool) -> int:
    view = await session.slots.keys.list()
    if as_json:
        print(view.model_dump_json(indent=2))
    else:
        _show(view)
    return 0


def _show(view: "KeyList") -> None:
    memory = "已锁定 locked" if view.memory.locked else "未全部锁定 not all locked (RLIMIT_MEMLOCK)"
    dumps = "可转储 dumpable" if view.memory.dumpable else "不可转储 not dumpable"
    print(f"根密钥 root    {view.root}  封装 wraps {view.wraps}")
    print(f"算法 suite    {view.suite}  {view.suite_meaning.zh} {view.suite_meaning.en}")
    print(f"密码模块 module {view.module}")
    print(f"内存 memory   {memory}, {dumps}")
    for key in view.keys:
        made = key.made.strftime("%Y-%m-%d") if key.made else "-"
        wraps = "" if key.wraps is None else f"  封装 wraps {key.wraps}"
        state = "" if key.state == "current" else f"  {key.state}"
        print(f"{key.use}/{key.version}  {key.algorithm}  {made}{state}{wraps}")


async def _datasets(session: "Session", *, as_json: bool) -> int:
    view = await session.slots.keys.datasets()
    if as_json:
        print(view.model_dump_json(indent=2))
        return 0
    for one in view.datasets:
        seal = one.algorithm or one.state
        made = one.created.strftime("%Y-%m-%d")
        print(f"{one.id}  {seal}  {one.bytes}  {one.purpose}  {made}  {one.owner}  {one.name}")
    return 0


async def _rotate(session: "Session", use: str | None) -> int:
    done = await session.slots.keys.rotate(use)
    version = "" if done.version is None else f"/{done.version}"
    print(f"{done.use}{version}  {_WHEN[done.when]}  重新封装 wrapped anew: {done.rewrapped}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from appliance.settings.layout import StateLayout, state_directory  # noqa: PLC0415  # light help
    from secure_compute.destruction import verify_destruction  # noqa: PLC0415
    from secure_compute.errors import SecureComputeError  # noqa: PLC0415
    from secure_compute.note import NoteKey  # noqa: PLC0415

    layout = StateLayout(state_directory(args.environ))
    key_file = Path(args.key) if args.key else layout.box_vkey
    try:
        key = NoteKey.parse(key_file.read_text(encoding="utf-8").strip())
        told = verify_destruction(Path(args.file).read_bytes(), key)
    except SecureComputeError as error:
        tell(error.sentence, error.way_out, error.code)
        return 1
    except (OSError, UnicodeDecodeError) as error:
        refusal = ArgumentRefused(field="FILE", reason=str(error))
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    print(f"证明有效 The certificate holds: {told.box}")
    print(f"销毁 destroyed  {told.kind} {told.subject}  ({told.time})")
    print(f"操作人 by       {', '.join(told.by)}")
    for name in told.keys:
        print(f"密钥 key        {name}")
    for line in told.remains:
        print(f"不包括 not reached: {line}")
    return 0
