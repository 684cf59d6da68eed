"""`wardbox storage`: choose the back end of a new box, enlarge it, and keep its header safe."""

import argparse
import sys
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse, tell
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.vault.luks import LuksVolume

_EMBEDDED_ZH = "这台设备使用内置存储,没有 LUKS 头。"
_EMBEDDED_EN = "This box has the embedded back end: there is no LUKS header."


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `storage` to the command line."""
    parser = commands.add_parser("storage", help="加密存储 the encrypted storage itself")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    choose = what.add_parser(
        "choose",
        help="恢复备份前,为空的状态目录选择存储 where a backup shall be restored to",
    )
    choose.add_argument("wish", metavar="auto|embedded|luks:/dev/...")
    what.add_parser(
        "grow", help="磁盘变大后在线扩容 use the whole of a device that was made larger"
    )
    what.add_parser("copy-header", help="重新保存 LUKS 头的副本 keep a copy of the LUKS header")
    what.add_parser("restore-header", help="把副本写回磁盘 write that copy back to the device")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help light

    if args.what == "grow":
        return converse(args, _grow)
    layout = StateLayout(state_directory(args.environ))
    try:
        if args.what == "choose":
            return _choose(layout, args.wish)
        volume = _volume(layout)
        if volume is None:
            print(f"{_EMBEDDED_ZH}\n{_EMBEDDED_EN}", file=sys.stderr)
            return 1
        (volume.copy_header if args.what == "copy-header" else volume.restore_header)()
    except ApplianceError as error:
        tell(error.sentence, error.way_out, error.code)
        return 1
    print("完成。 Done.")
    return 0


async def _grow(session: "Session") -> int:
    space = (await session.storage.grow()).space
    print(f"{space.total / (1 << 30):.1f} GiB, {space.free / (1 << 30):.1f} GiB 可用 free")
    return 0


def _choose(layout: StateLayout, wish: str) -> int:
    from appliance.vault.choice import choose  # noqa: PLC0415  # keeps --help light
    from appliance.vault.errors import VaultExists  # noqa: PLC0415
    from appliance.vault.record import read_record, recorded, write_record  # noqa: PLC0415

    record = read_record(layout)
    if layout.sealed_root.exists() or (record is not None and record.stage != "chosen"):
        raise VaultExists(path=layout.root)
    choice = choose(wish, erase=False)
    write_record(layout, recorded(choice))
    name = "embedded" if choice.device is None else f"luks:{choice.device}"
    print(f"{name}\n{choice.why_zh}\n{choice.why_en}")
    return 0


def _volume(layout: StateLayout) -> "LuksVolume | None":
    from appliance.vault.assembly import build_files  # noqa: PLC0415  # keeps --help light
    from appliance.vault.luks import LuksVolume  # noqa: PLC0415

    files = build_files(layout)
    return files if isinstance(files, LuksVolume) else None
