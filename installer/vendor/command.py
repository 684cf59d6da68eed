"""`wardbox vendor init|add-model|build|sign|inspect|verifier`: what a vendor runs at home."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from installer.vendor.errors import VendorArgumentRefused, VendorPassphraseMissing

if TYPE_CHECKING:
    from appliance.updates.trust import Pinned
    from installer.vendor.inspection import Inspected

_MAX_DAYS: Final = 3650
_MAX_PASSPHRASE: Final = 4096


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `vendor` and its subcommands."""
    parser = subparsers.add_parser("vendor", help="制作离线更新包 build offline update bundles")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = actions.add_parser("init", help="生成密钥与信任根 make the keys and the trust root")
    init.add_argument("directory", type=Path, metavar="DIR", help="空目录 an empty folder")
    add = actions.add_parser("add-model", help="收入一个模型 add a model")
    add.add_argument("model", type=Path, metavar="MODEL", help="GGUF、safetensors 或模型目录")
    add.add_argument("--card", type=Path, required=True, help="模型卡 its card (JSON)")
    build = actions.add_parser("build", help="生成并签名更新包 build and sign a bundle")
    build.add_argument("out", type=Path, metavar="OUT", help="空目录,如介质 an empty folder")
    build.add_argument("--days", type=int, default=400, help="有效天数 days that it holds")
    sign = actions.add_parser("sign", help="追加一个签名 add one signature to a metadata file")
    sign.add_argument("file", type=Path, metavar="FILE", help="元数据文件 metadata, e.g. root.json")
    sign.add_argument("--key", type=Path, required=True, help="密钥文件 key file")
    look = actions.add_parser("inspect", help="查看更新包 what is on a bundle")
    look.add_argument("bundle", type=Path, metavar="BUNDLE")
    look.add_argument("--root", type=Path, help="用信任根校验 judge it against a trust root")
    look.add_argument("--json", action="store_true", help="JSON")
    verifier = actions.add_parser(
        "verifier", help="输出审计员用的 verify.py print the auditors' verify.py, to be published"
    )
    verifier.add_argument("--out", type=Path, metavar="FILE", help="写入文件 into this file")
    for one in (add, build):
        one.add_argument(
            "--dir", type=Path, default=Path(), dest="directory", help="供应商目录 vendor's folder"
        )
    for one in (init, build, look):
        one.add_argument("--time", help="以此时刻为准 the time to use, e.g. 2026-11-21T08:00:00Z")
    for one in (init, build, sign):
        one.add_argument(
            "--passphrase-file", type=Path, help="口令文件,首行 its first line is the passphrase"
        )


def run(args: argparse.Namespace) -> int:
    """Run a subcommand.

    Returns:
        0 done, 1 refused.
    """
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help light
    from installer.errors import InstallerError  # noqa: PLC0415
    from models.errors import ModelsError  # noqa: PLC0415

    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "init": _init,
        "add-model": _add,
        "build": _build,
        "sign": _sign,
        "inspect": _inspect,
        "verifier": _verifier,
    }
    try:
        return actions[args.action](args)
    except (ApplianceError, InstallerError, ModelsError) as error:
        _say(f"✗ {error.sentence}\n→ {error.way_out}\n[{error.code}]", sys.stderr)
        return 1


def _init(args: argparse.Namespace) -> int:
    from installer.vendor.ceremony import KEYS, ROOT_FILE, hold_ceremony  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415

    keys = KeyFolder(args.directory / KEYS, _passphrases(args, twice=True))
    pinned = hold_ceremony(args.directory, keys, _time(args))
    _say(f"信任根 trust root   {args.directory / ROOT_FILE}")
    _say(told_root(pinned))
    _say(
        "请把 keys/root-1、root-2、root-3 分别移到三个离线介质,由不同的人保管。\n"
        "Move keys/root-1, root-2 and root-3 to three offline media, kept by different people."
    )
    return 0


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


def _add(args: argparse.Namespace) -> int:
    from installer.vendor.warehouse import Warehouse  # noqa: PLC0415

    card = Warehouse(args.directory).add(args.model, args.card)
    _say(f"已收入 added  {card.id} {card.version}  {card.name.zh} {card.name.en}")
    return 0


def _build(args: argparse.Namespace) -> int:
    from installer.vendor.bundle import Builder  # noqa: PLC0415
    from installer.vendor.ceremony import KEYS  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415

    if not 1 <= args.days <= _MAX_DAYS:
        raise VendorArgumentRefused(
            name="--days", reason_zh="应为 1 至 3650", reason_en="it must be 1 to 3650"
        )
    now = _time(args)
    keys = KeyFolder(args.directory / KEYS, _passphrases(args))
    built = Builder(args.directory, keys).build(args.out, now, args.days)
    for model_id, version in built.models:
        _say(f"{model_id} {version}")
    _say(f"更新包 bundle  {args.out}  第 {built.version} 版 version, {built.size} B")
    return 0


def _sign(args: argparse.Namespace) -> int:
    from installer.vendor.ceremony import add_signature  # noqa: PLC0415
    from installer.vendor.keys import open_key  # noqa: PLC0415

    count = add_signature(args.file, open_key(args.key, _passphrases(args)))
    _say(f"已签名 signed  {args.file}: {count} 个签名 signatures")
    return 0


def _verifier(args: argparse.Namespace) -> int:
    from secure_compute.verifier.single_file import verifier_source  # noqa: PLC0415

    if args.out is None:
        sys.stdout.buffer.write(verifier_source())
        return 0
    try:
        args.out.write_bytes(verifier_source())
    except OSError as error:
        _say(f"✗ 写不了 {args.out} It cannot be written: {error.strerror}", sys.stderr)
        return 1
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from installer.vendor import inspection  # noqa: PLC0415

    if args.root is None:
        found = inspection.look(args.bundle)
    else:
        found = inspection.judge(args.bundle, args.root, _time(args))
    _say(found.to_json() if args.json else _told(found))
    return 1 if any(model.fault for model in found.models) else 0


def _told(found: "Inspected") -> str:
    lines = [f"签名时间 signed  {found.signed_at}"]
    lines += [
        f"{role.name:<10}第 {role.version} 版 version, 有效期至 expires {role.expires},"
        f" {role.signatures} 个签名 signatures"
        for role in found.roles
    ]
    for model in found.models:
        lines.append(f"模型 model  {model.id} {model.version}  {model.name_zh} {model.name_en}")
        lines += [f"  {name}" for name in model.files]
        lines.append(f"  {model.bytes} B")
        lines += [f"  ✗ {model.fault}"] * bool(model.fault)
    if found.trusted:
        lines.append(
            f"✓ 由此信任根签名,内容完整。 Signed under this root, whole. {found.fingerprint}"
        )
    else:
        lines.append(
            "! 未校验签名:以上内容未经证实。用 --root ROOT.json 校验。\n"
            "! No signature was checked: nothing above is proven. Judge it with --root ROOT.json."
        )
    return "\n".join(_plain(line) for line in lines)


def _plain(text: str) -> str:
    """Text from a bundle without what a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def _time(args: argparse.Namespace) -> datetime:
    if args.time is None:
        return datetime.fromtimestamp(int(time.time()), UTC)
    try:
        return datetime.strptime(args.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise VendorArgumentRefused(
            name="--time", reason_zh="格式不对", reason_en="write it as 2026-11-21T08:00:00Z"
        ) from error


def _passphrases(args: argparse.Namespace, *, twice: bool = False) -> Callable[[str], str]:
    """Passphrases from a file or a pipe (one for all keys), else asked for key by key."""
    if args.passphrase_file is not None:
        from installer.vendor.files import read_bounded  # noqa: PLC0415

        raw = read_bounded(args.passphrase_file, _MAX_PASSPHRASE)
        return _one_for_all(raw.split(b"\n")[0].rstrip(b"\r"))
    if not sys.stdin.isatty():
        return _one_for_all(sys.stdin.buffer.readline(_MAX_PASSPHRASE).rstrip(b"\r\n"))
    return lambda name: _ask(name, twice=twice)


def _one_for_all(raw: bytes) -> Callable[[str], str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VendorPassphraseMissing(
            reason_zh="不是 UTF-8 文本", reason_en="it is no UTF-8 text"
        ) from error
    if not text:
        raise VendorPassphraseMissing(reason_zh="首行为空", reason_en="the first line is empty")
    return lambda _: text


def _ask(name: str, *, twice: bool) -> str:
    import getpass  # noqa: PLC0415  # only with a terminal

    given = getpass.getpass(f"{name} 的口令 passphrase of {name}: ")
    if twice and getpass.getpass("再次输入 again: ") != given:
        raise VendorPassphraseMissing(reason_zh="两次输入不同", reason_en="the two differ")
    return given


def _say(text: str, stream: object = None) -> None:
    (sys.stdout if stream is None else sys.stderr).write(f"{text}\n")
