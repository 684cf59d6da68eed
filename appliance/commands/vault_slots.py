"""`wardbox vault slots`: the ways to open the vault: list, add, test, seal anew, revoke."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, read_secret, tell
from appliance.commands.errors import ArgumentRefused, UnwrittenSecret
from appliance.commands.recovery_sheet import sheet_svg, terminal_code
from appliance.commands.secrets_in import SecretSource, add_source, presented

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.access import Unlock
    from appliance.contract.slots import SlotAdded, SlotView

_WRONG_USAGE: Final = 2
_KINDS: Final = ("passphrase", "recovery", "tpm", "shares", "keyfile", "network")
_PRESENT: Final = "现有口令或恢复密钥 present passphrase or recovery key: "
_NAMES: Final = {
    "passphrase": "口令 passphrase",
    "recovery": "恢复密钥 recovery key",
    "machine": "机器密钥 machine key",
    "tpm": "TPM",
    "shares": "密钥份额 shares",
    "keyfile": "密钥文件 key file",
    "network": "密钥服务器 key server",
}


def add_slots_parser(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `slots` below `vault`."""
    parser = what.add_parser("slots", help="开启方式 the ways to open the vault")
    does = parser.add_subparsers(dest="does", required=True, metavar="WHAT")
    listed = does.add_parser("list", help="列出 list them, with labels and when each was used")
    listed.add_argument("--json", action="store_true", help="JSON")
    _add_adding(does)
    test = does.add_parser("test", help="试一试,不解锁 try one, opening nothing")
    test.add_argument("id", nargs="?", help="TPM 或密钥服务器的编号 id of one that needs nobody")
    add_source(test)
    reseal = does.add_parser("reseal", help="按当前启动状态重新封装 TPM seal the TPM's slot anew")
    reseal.add_argument("id", nargs="?", help="编号 id, where there is more than one")
    add_source(reseal)
    revoke = does.add_parser("revoke", help="吊销 revoke one")
    revoke.add_argument("id")
    revoke.add_argument(
        "--approval", metavar="ID", help="双人批准的编号 approval, where it takes two"
    )
    revoke.add_argument("--as", dest="person", metavar="NAME", help="登录名 sign in as this person")
    add_source(revoke)


def _add_adding(does: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    add = does.add_parser("add", help="添加 add one; the new secret is shown once")
    add.add_argument("kind", choices=_KINDS)
    add.add_argument("--label", default="", help="名称 what to call it")
    add.add_argument(
        "--instead-of", metavar="ID", help="替换该编号 put it in the place of this one"
    )
    add.add_argument(
        "--needed", type=int, default=2, metavar="K", help="shares: 需要几份 how many open"
    )
    add.add_argument(
        "--holder",
        action="append",
        default=[],
        metavar="NAME",
        help="shares: 持有人 one for each share",
    )
    add.add_argument("--pcr", type=int, action="append", metavar="N", help="tpm: PCR (7)")
    add.add_argument("--url", default="", help="network: 服务器地址 address of the Tang server")
    add.add_argument(
        "--thumbprint", default="", help="network: tang-show-keys 的指纹 as it prints it"
    )
    add.add_argument("--out", type=Path, help="keyfile: 写到U盘的文件 file on the stick")
    add.add_argument(
        "--sheet", type=Path, help="recovery, shares: 打印用SVG的目录 folder for sheets to print"
    )
    add_source(add)


def run_slots(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 2 no secret was given, 3 no box answers.
    """
    if args.does == "list":
        return converse(args, lambda session: _list(session, as_json=args.json))
    if args.does == "test" and args.id:
        return converse(args, lambda session: _test(session, None, args.id))
    try:
        source = SecretSource(args.fd)
        if args.does == "add":
            _judge(args)
        # Asked before the box is, so that no connection waits for a person.
        present = presented(args, source, _PRESENT)
        if present is None:
            print("没有输入密文。 No secret was given.", file=sys.stderr)
            return _WRONG_USAGE
        fresh = _fresh(args, source)
    except ArgumentRefused as error:
        tell(error.sentence, error.way_out, error.code)
        return _WRONG_USAGE
    return converse(args, lambda session: _change(session, args, present, fresh))


def _judge(args: argparse.Namespace) -> None:
    if args.kind == "keyfile":
        if args.out is None:
            raise ArgumentRefused(
                field="--out", reason="密钥文件须写到某处 a key file goes somewhere"
            )
        if args.out.exists():
            raise ArgumentRefused(field="--out", reason="文件已存在 the file exists")
        if not args.out.parent.is_dir():
            reason = f"目录不存在 there is no such folder: {args.out.parent}"
            raise ArgumentRefused(field="--out", reason=reason)
    if args.sheet is not None and not args.sheet.is_dir():
        raise ArgumentRefused(field="--sheet", reason="目录不存在 there is no such folder")


def _fresh(args: argparse.Namespace, source: SecretSource) -> str | None:
    if args.does == "add" and args.kind in {"passphrase", "keyfile"}:
        return source.ask_new("新口令 new passphrase: ")
    return None


async def _change(
    session: "Session", args: argparse.Namespace, present: "Unlock", fresh: str | None
) -> int:
    from appliance.contract.slots import SlotChange  # noqa: PLC0415  # keeps --help light

    if args.does == "test":
        return await _test(session, present, None)
    if args.does == "add":
        return await _add(session, args, present, fresh)
    if args.does == "reseal":
        added = await session.slots.reseal(SlotChange(present=present), args.id)
        print(f"已重新封装 sealed anew: {_line(added.slot)}")
        return 0
    change = SlotChange(present=present, approval=args.approval)
    if args.person:
        users = await session.users()
        needs_code = any(user.totp for user in users if user.name == args.person)
        password = read_secret(f"{args.person} 的密码 password: ")
        await session.sign_in(
            args.person, password, read_secret("动态口令 one-time code: ") if needs_code else None
        )
    gone = await session.slots.revoke(args.id, change)
    print(f"已吊销 revoked: {_line(gone)}")
    return 0


async def _add(
    session: "Session", args: argparse.Namespace, present: "Unlock", fresh: str | None
) -> int:
    from appliance.contract.slots import SlotWish  # noqa: PLC0415  # keeps --help light

    wish = SlotWish(
        kind=args.kind,
        present=present,
        label=args.label,
        instead_of=args.instead_of,
        passphrase=fresh or None,
        needed=args.needed,
        holders=tuple(args.holder),
        pcrs=tuple(args.pcr or (7,)),
        url=args.url,
        thumbprint=args.thumbprint,
    )
    added = await session.slots.add(wish)
    box = (await session.info()).name
    print(f"已添加 added: {_line(added.slot)}")
    try:
        _show_secrets(args, added, box)
    except OSError as error:
        refused = UnwrittenSecret(path=error.filename, reason=error.strerror, slot=added.slot.id)
        tell(refused.sentence, refused.way_out, refused.code)
        return 1
    return 0


def _show_secrets(args: argparse.Namespace, added: "SlotAdded", box: str) -> None:
    papers = [("恢复密钥 Recovery key", "recovery-key", added.recovery_key)]
    for number, share in enumerate(added.shares, 1):
        title = f"密钥份额 {number} Share {number} · {share.holder}"
        papers.append((title, f"share-{number}", share.text))
    for title, name, text in papers:
        if text is None:
            continue
        print(f"\n{title}(只显示一次 shown once)\n  {text}")
        if args.sheet is None:
            if sys.stdout.isatty():
                print(terminal_code(text))
            continue
        notes = (f"{box} · {added.slot.id} · {added.slot.label}", *_ADVICE)
        path = args.sheet / f"{name}-{added.slot.id}.svg"
        _write(path, sheet_svg(title, text, notes))
        print(f"  打印后请销毁该文件 print it, then destroy the file: {path}")
    if added.key_file is not None:
        _write(args.out, added.key_file)
        print(f"密钥文件 key file: {args.out}")


_ADVICE: Final = (
    "请锁入保险柜,不要拍照或联网保存。 Lock it away; take no picture of it, keep it on no network.",
    "使用: wardbox vault unlock",
)


async def _list(session: "Session", *, as_json: bool) -> int:
    told = await session.slots.list()
    if as_json:
        print(told.model_dump_json(indent=2))
        return 0
    for slot in told.slots:
        print(_line(slot))
        more = [f"PCR {', '.join(map(str, slot.pcrs))}"] if slot.pcrs else []
        if slot.holders:
            more.append(f"{slot.needed}/{len(slot.holders)}: {', '.join(slot.holders)}")
        more += [slot.url] if slot.url else []
        for name, when in (("使用 used", slot.used), ("测试 tested", slot.tested)):
            more.append(f"{name} {when:%Y-%m-%d %H:%M}" if when else f"{name} -")
        print(f"                  {'  '.join(more)}")
    return 0


async def _test(session: "Session", present: "Unlock | None", slot: str | None) -> int:
    from appliance.contract.slots import SlotTest  # noqa: PLC0415  # keeps --help light

    found = await session.slots.test(SlotTest(present=present, slot=slot))
    print(f"可以打开 it opens: {_line(found)}")
    return 0


def _line(slot: "SlotView") -> str:
    return f"{slot.id}  {_NAMES[slot.kind]}  {slot.label}".rstrip()


def _write(path: Path, text: str) -> None:
    """A file that only its owner reads, and that was not there before."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
