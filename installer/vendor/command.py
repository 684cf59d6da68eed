"""`wardbox vendor`: what a vendor runs at home, on a laptop with no box."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from installer.vendor import content_command, key_command, stick_command
from installer.vendor.terminal import moment

if TYPE_CHECKING:
    from collections.abc import Callable


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `vendor` and its subcommands."""
    parser = subparsers.add_parser("vendor", help="制作离线更新包 build offline update bundles")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    key_command.add_parsers(actions)
    content_command.add_parsers(actions)
    stick_command.add_parsers(actions)
    _add_tuf_client(actions)
    verifier = actions.add_parser(
        "verifier", help="输出审计员用的 verify.py print the auditors' verify.py, to be published"
    )
    verifier.add_argument("--out", type=Path, metavar="FILE", help="写入文件 into this file")


def run(args: argparse.Namespace) -> int:
    """Run a subcommand.

    Returns:
        0 done, 1 refused.
    """
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help light
    from installer.errors import InstallerError  # noqa: PLC0415
    from models.errors import ModelsError  # noqa: PLC0415

    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        **key_command.ACTIONS,
        **content_command.ACTIONS,
        **stick_command.ACTIONS,
        "tuf-client": _tuf_client,
        "verifier": _verifier,
    }
    try:
        return actions[args.action](args)
    except (ApplianceError, InstallerError, ModelsError) as error:
        sys.stderr.write(f"✗ {error.sentence}\n→ {error.way_out}\n[{error.code}]\n")
        return 1


def _add_tuf_client(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The form is that of the public conformance suite for TUF clients (its CLIENT-CLI.md)."""
    parser = actions.add_parser(
        "tuf-client", help="按 TUF 规范取用任意仓库 follow any TUF repository over HTTP"
    )
    parser.add_argument("--metadata-dir", type=Path, required=True, help="元数据目录 kept metadata")
    parser.add_argument("--metadata-url", help="元数据地址 where metadata is read")
    parser.add_argument(
        "--target-name", action="append", default=[], help="文件名,可重复 a signed file's name"
    )
    parser.add_argument("--target-base-url", help="文件地址 where signed files are read")
    parser.add_argument("--target-dir", type=Path, help="文件目录 where they go")
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    init = steps.add_parser("init", help="信任一个根 trust a root")
    init.add_argument("root", type=Path, metavar="ROOT")
    steps.add_parser("refresh", help="更新元数据 bring the metadata up to date")
    steps.add_parser("download", help="取文件 fetch the named files, in order")
    parser.set_defaults(time=None)


def _tuf_client(args: argparse.Namespace) -> int:
    from installer.vendor import tuf_client  # noqa: PLC0415  # loads an HTTP client

    return tuf_client.run(args, moment(args))


def _verifier(args: argparse.Namespace) -> int:
    from secure_compute.verifier.single_file import verifier_source  # noqa: PLC0415

    if args.out is None:
        sys.stdout.buffer.write(verifier_source())
        return 0
    try:
        args.out.write_bytes(verifier_source())
    except OSError as error:
        sys.stderr.write(f"✗ 写不了 {args.out} It cannot be written: {error.strerror}\n")
        return 1
    return 0
