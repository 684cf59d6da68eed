"""`wardbox vendor init|key|sign|factory`: the keys, who may sign, and signing in several places."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from installer.vendor.errors import VendorArgumentRefused
from installer.vendor.terminal import (
    add_folder,
    add_passphrase,
    add_time,
    moment,
    passphrases,
    say,
)

if TYPE_CHECKING:
    from appliance.updates.trust import Pinned
    from installer.vendor.keys import KeyFolder
    from installer.vendor.roster import Office, Roster

_ROOTS: Final = 3


def add_parsers(actions: Any) -> None:
    """Add these commands."""
    init = actions.add_parser("init", help="生成密钥与信任根 make the keys and the trust root")
    init.add_argument("directory", type=Path, metavar="DIR", help="空目录 an empty folder")
    init.add_argument(
        "--media",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="三个离线介质,各存一个根密钥 give it three times: a medium for each root key",
    )
    add_time(init)
    add_passphrase(init)
    _add_key(actions)
    sign = actions.add_parser("sign", help="追加一个签名 add one signature to a metadata file")
    sign.add_argument("file", type=Path, metavar="FILE", help="元数据文件 a draft of metadata")
    by = sign.add_mutually_exclusive_group(required=True)
    by.add_argument("--key", type=Path, help="密钥文件 key file")
    by.add_argument("--merge", type=Path, help="并入另一份副本的签名 another, signed copy of it")
    add_passphrase(sign)
    factory = actions.add_parser(
        "factory", help="随软件出厂的最低版本 the floors to ship with a software release"
    )
    factory.add_argument("--out", type=Path, metavar="FILE", help="写入文件 into this file")
    add_folder(factory)
    add_time(factory)


def _add_key(actions: Any) -> None:
    key = actions.add_parser("key", help="管理各角色的密钥 the keys of each role")
    whats = key.add_subparsers(dest="what", required=True, metavar="WHAT")
    listed = whats.add_parser("list", help="谁可签署什么 who signs for what")
    new = whats.add_parser("new", help="新增密钥 one more key for a role")
    rotate = whats.add_parser("rotate", help="更换密钥 a new key in the place of another")
    revoke = whats.add_parser("revoke", help="撤销密钥 a key signs no more")
    threshold = whats.add_parser("threshold", help="签名门限 how many keys must sign")
    for one in (new, rotate, revoke, threshold):
        one.add_argument("role", metavar="ROLE", help="root、targets、software、models …")
    for one in (rotate, revoke):
        one.add_argument(
            "key", metavar="KEY", help="密钥名或编号开头 its name, or how its id begins"
        )
    for one in (new, rotate):
        one.add_argument("name", metavar="NAME", help="新密钥名 name of the new key")
        one.add_argument("--in", type=Path, dest="home", help="存放目录 folder or medium for it")
        add_passphrase(one)
    threshold.add_argument("count", type=int, metavar="N")
    for one in (listed, new, rotate, revoke, threshold):
        add_folder(one)
        add_time(one)


def told_root(pinned: "Pinned") -> str:
    """A root in lines to compare over the telephone."""
    groups = [pinned.fingerprint[start : start + 4] for start in range(0, 64, 4)]
    keys = "\n".join(f"密钥 root key       {key}" for key in pinned.keys)
    return (
        f"版本 version        {pinned.version}\n"
        f"有效期至 expires    {pinned.expires:%Y-%m-%d}\n"
        f"签名门限 threshold  {pinned.threshold} / {len(pinned.keys)}\n"
        f"{keys}\n"
        f"指纹 fingerprint    {' '.join(groups)}"
    )


def _init(args: argparse.Namespace) -> int:
    from installer.vendor.ceremony import KEYS, hold_ceremony  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415
    from installer.vendor.roster import ROOT_FILE  # noqa: PLC0415

    if len(args.media) not in {0, _ROOTS}:
        raise VendorArgumentRefused(
            name="--media", reason_zh="应给出三次", reason_en="it must be given three times"
        )
    keys = KeyFolder(args.directory / KEYS, passphrases(args, twice=True))
    pinned = hold_ceremony(args.directory, keys, moment(args), args.media)
    say(f"信任根 trust root   {args.directory / ROOT_FILE}")
    say(told_root(pinned))
    if args.media:
        say("请由三人分别保管三个介质。 Let three people keep the three media.")
        return 0
    say(
        "请把 keys/root-1、root-2、root-3 分别移到三个离线介质,由不同的人保管。\n"
        "Move keys/root-1, root-2 and root-3 to three offline media, kept by different people."
    )
    return 0


def _key(args: argparse.Namespace) -> int:
    roster, keys = _roster(args)
    now = moment(args)
    home = keys if getattr(args, "home", None) is None else keys.elsewhere(args.home)
    if args.what == "new":
        made = roster.admit(args.role, args.name, home, now)
        say(f"已生成 made       {args.name} {made}")
    elif args.what == "rotate":
        made = roster.rotate(args.role, args.key, args.name, home, now)
        say(f"已更换 rotated    {args.name} {made}")
    elif args.what == "revoke":
        say(f"已撤销 revoked    {roster.revoke(args.role, args.key, now)}")
    elif args.what == "threshold":
        roster.require(args.role, args.count, now)
    for office in roster.offices():
        if args.what == "list" or office.role == args.role:
            say(_told(office))
    if args.what != "list":
        say(_next_step(args))
    return 0


def _next_step(args: argparse.Namespace) -> str:
    from appliance.updates.manifest import KINDS  # noqa: PLC0415
    from installer.vendor.roster import NEXT_ROOT  # noqa: PLC0415

    if args.role in KINDS:
        return "下次 build 时由 targets 密钥签署生效。 The next build makes it hold, signed by targets."
    path = args.directory / NEXT_ROOT
    return (
        f"请由新旧根密钥持有人依次签署 {path}(wardbox vendor sign),签足即生效。\n"
        f"Holders of the old and the new root keys sign {path} (wardbox vendor sign);"
        " with the last signature needed it holds."
    )


def _told(office: "Office") -> str:
    lines = [f"{office.role:<12}{office.threshold} / {len(office.keys)}"]
    for key, name in office.keys.items():
        away = "" if key in office.here else " (不在此处 kept elsewhere)"
        lines.append(f"    {key} {name}{away}")
    return "\n".join(lines)


def _sign(args: argparse.Namespace) -> int:
    from installer.vendor.ceremony import (  # noqa: PLC0415
        add_signature,
        adopted,
        merge_signatures,
    )
    from installer.vendor.keys import open_key  # noqa: PLC0415

    if args.merge is not None:
        count = merge_signatures(args.file, args.merge)
    else:
        count = add_signature(args.file, open_key(args.key, passphrases(args)))
    say(f"已签名 signed  {args.file}: {count} 个签名 signatures")
    pinned = adopted(args.file)
    if pinned is not None:
        say(f"新信任根已生效。 The next root is in force.\n{told_root(pinned)}")
    return 0


def _factory(args: argparse.Namespace) -> int:
    from installer.vendor.ceremony import KEYS  # noqa: PLC0415
    from installer.vendor.files import write_new  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415
    from installer.vendor.signing import Chain  # noqa: PLC0415

    chain = Chain(args.directory, KeyFolder(args.directory / KEYS, str))
    raw = chain.factory(moment(args)).to_bytes()
    if args.out is None:
        sys.stdout.write(raw.decode())
    else:
        write_new(args.out, raw)
    return 0


def _roster(args: argparse.Namespace) -> "tuple[Roster, KeyFolder]":
    from installer.vendor.ceremony import KEYS  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415
    from installer.vendor.roster import Roster  # noqa: PLC0415

    made = args.what in {"new", "rotate"}
    ask: Callable[[str], str] = passphrases(args, twice=True) if made else str
    keys = KeyFolder(args.directory / KEYS, ask)
    return Roster(args.directory, keys), keys


ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "init": _init,
    "key": _key,
    "sign": _sign,
    "factory": _factory,
}
