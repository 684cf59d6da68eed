"""`wardbox vendor init|build|sign|inspect`: what a vendor runs on their own machine."""

import argparse
import getpass
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from installer.vendor.bundle import Vendor


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `vendor` and its subcommands."""
    parser = subparsers.add_parser("vendor", help="供应商工具:密钥与更新包 keys and update bundles")
    actions = parser.add_subparsers(dest="vendor_action", required=True)
    init = actions.add_parser("init", help="生成密钥与信任根 make keys and the trust root")
    build = actions.add_parser("build", help="由模型与模型卡制作更新包 lay out a bundle")
    sign = actions.add_parser("sign", help="为更新包签名 sign a bundle")
    inspect = actions.add_parser(
        "inspect", help="像设备一样检查更新包 judge a bundle as a box would"
    )
    for one in (init, sign, inspect):
        one.add_argument("--vendor", type=Path, required=True, metavar="DIR", help="供应商文件夹")
    build.add_argument("--model", type=Path, required=True, metavar="FILE")
    build.add_argument("--card", type=Path, required=True, metavar="FILE")
    for one in (build, sign, inspect):
        one.add_argument("--out", type=Path, required=True, metavar="DIR", help="更新包 the bundle")
    sign.add_argument("--days", type=int, default=400, help="有效天数 how long it holds")


def run(args: argparse.Namespace) -> int:
    """Run a subcommand; refusals leave as errors with a sentence and a way out."""
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help quick
    from installer.errors import InstallerError  # noqa: PLC0415
    from installer.vendor.bundle import Vendor  # noqa: PLC0415

    actions: dict[str, Callable[[Vendor, argparse.Namespace], None]] = {
        "init": _init,
        "build": _build,
        "sign": _sign,
        "inspect": _inspect,
    }
    folder = getattr(args, "vendor", Path())
    try:
        actions[args.vendor_action](Vendor(folder), args)
    except (ApplianceError, InstallerError) as error:
        _say(f"{error}\n{error.way_out}\n", sys.stderr)
        return 1
    except OSError as error:
        _say(f"无法读写文件 Files cannot be read or written: {error}\n", sys.stderr)
        return 1
    return 0


def _init(vendor: "Vendor", args: argparse.Namespace) -> None:
    del args
    root = vendor.init(_passphrase(twice=True), _now())
    _say(
        f"信任根 trust root: {root}\n"
        "请将三个 root 密钥移到三个离线介质。 Move the three root keys to three offline media.\n"
    )


def _build(vendor: "Vendor", args: argparse.Namespace) -> None:
    release = vendor.build(args.model, args.card, args.out)
    _say(f"{release.model} {release.version}: {len(release.files)} 个文件 files, 未签名 unsigned\n")


def _sign(vendor: "Vendor", args: argparse.Namespace) -> None:
    release = vendor.sign(args.out, _passphrase(), _now(), args.days)
    _say(f"{release.model} {release.version}: 已签名 signed\n")


def _inspect(vendor: "Vendor", args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        found = vendor.inspect(args.out, _now(), Path(scratch))
    _say(
        f"{found.model} {found.version}: {found.files} 个文件 files, {found.size} B, 可信 trusted\n"
    )


def _passphrase(*, twice: bool = False) -> str:
    """Ask on the terminal, or read one line of a pipe; never from the command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    given = getpass.getpass("口令 Passphrase: ")
    if twice and getpass.getpass("再次输入 Again: ") != given:
        from installer.vendor.errors import VendorKeysUnusable  # noqa: PLC0415

        raise VendorKeysUnusable(reason_zh="两次输入不同", reason_en="the two passphrases differ")
    return given


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the edge where the clock enters


def _say(text: str, stream: object = None) -> None:
    (sys.stdout if stream is None else sys.stderr).write(text)
