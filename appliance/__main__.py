"""The command line of the box: `wardbox COMMAND`, and the list of what the other programs do."""

import argparse
import os
import sys
from collections.abc import Sequence

from appliance.commands.table import COMMANDS

# Handed to their own programs by the launcher; named here so that one list shows everything.
_ELSEWHERE = (
    ("console", "打开控制台 open the console"),
    ("train", "训练参考模型 train the reference model"),
    ("firmware", "检查固件姿态 check the firmware posture"),
    ("vendor", "制作离线更新包 build offline bundles"),
    ("apply-update", "应用已暂存的软件版本 apply the release that waits"),
    ("install", "安装 install the box"),
    ("uninstall", "卸载 remove the box"),
)

_UNREAD = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 refused, 2 wrong usage, 130 interrupted, 141 nobody read on (as `| head` does); a
        command may have others of its own.
    """
    parser = argparse.ArgumentParser(
        prog="wardbox",
        description="WardBox:医院里的可信医疗人工智能一体机 the trusted medical-AI box",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="其他程序 other programs:\n"
        + "\n".join(f"  {name:<19} {told}" for name, told in _ELSEWHERE),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        command.add_parser(commands)
    args = parser.parse_args(argv)
    # The process's one look at its environment: everything below takes it as a value.
    args.environ = dict(os.environ)  # noqa: TID251
    try:
        status = COMMANDS[args.command].run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer has no reader either, and must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNREAD
    except KeyboardInterrupt:
        print("已中断。 Interrupted.", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
