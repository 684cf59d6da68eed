"""The installer's command line: install, uninstall, prepare, and the vendor's tools."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from installer.errors import InstallerError, SystemRefused

CHECKOUT = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every refusal ends as a sentence and a way out.

    Returns:
        0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(_parser(words[:1]).parse_args(words))
    except InstallerError as error:
        return _tell(error)
    except OSError as error:
        return _tell(SystemRefused(path=error.filename or "-", reason=error.strerror or error))
    except KeyboardInterrupt:
        print(
            "\n已中断;再次运行会从中断处继续。 Interrupted; run again to go on from here.",
            file=sys.stderr,
        )
        return 130


def _parser(first: list[str]) -> argparse.ArgumentParser:
    """The command line; commands that need the environment are there only when they are asked for."""
    parser = argparse.ArgumentParser(prog="wardbox", description="WardBox 安装程序 installer")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_install(commands)
    _add_uninstall(commands)
    prepare = commands.add_parser(
        "prepare", help="只准备运行环境与引擎 environment and engine only"
    )
    prepare.add_argument("--group", default="run", choices=("run", "dev"))
    cluster = commands.add_parser(
        "prepare-cluster", help="准备集群运行环境(Ray) the environment that clusters need"
    )
    cluster.add_argument("--state", type=Path, help="状态目录 state directory ($WARDBOX_STATE)")
    if first == ["vendor"]:
        from installer.vendor import command as vendor  # noqa: PLC0415  needs the environment

        vendor.add_parser(commands)
    elif first == ["engine"]:
        from installer import engine_command  # noqa: PLC0415  keeps --help light

        engine_command.add_parser(commands)
    elif first == ["apply-update"]:
        from installer import apply_command  # noqa: PLC0415  needs the environment

        apply_command.add_parser(commands)
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.command == "vendor":
        from installer.vendor import command as vendor  # noqa: PLC0415  needs the environment

        return vendor.run(args)
    if args.command == "apply-update":
        from installer import apply_command  # noqa: PLC0415  needs the environment

        return apply_command.run(args, CHECKOUT)
    from installer import installation  # noqa: PLC0415  keeps --help light

    if args.command == "engine":
        from installer import engine_command  # noqa: PLC0415  keeps --help light

        return engine_command.run(args, installation.site_of(args, CHECKOUT))
    return installation.run(args, CHECKOUT)


def _tell(error: InstallerError) -> int:
    print(f"\n✗ {error.sentence}\n→ {error.way_out}\n[{error.code}]", file=sys.stderr)
    return 1


def _add_install(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "install", help="安装并启动一体机 install and start the box", prog="install.sh"
    )
    parser.add_argument("--state", type=Path, help="状态目录 state directory ($WARDBOX_STATE)")
    parser.add_argument("--answers", type=Path, help="应答文件 answers file (TOML)")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="只演练,不做任何改动 tell what would be done, change nothing",
    )
    parser.add_argument(
        "--uninstall",
        action="store_true",
        help="删除这台一体机及其数据 remove the box and its data",
    )
    parser.add_argument("--yes", action="store_true", help="确认删除 confirm the removal")


def _add_uninstall(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("uninstall", help="删除一体机及其数据 remove the box and its data")
    parser.add_argument("--state", type=Path, help="状态目录 state directory ($WARDBOX_STATE)")
    parser.add_argument("--yes", action="store_true", help="确认删除 confirm the removal")
    parser.set_defaults(uninstall=True, answers=None, rehearse=False)


if __name__ == "__main__":
    sys.exit(main())
