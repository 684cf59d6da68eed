"""A witness's stick: every checkpoint on it is the box's own, and the beginning of the log at hand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from secure_compute.verifier.laid import COSIGNED, OFFER, STICK_FOLDER, checkpoint_in
from secure_compute.verifier.notes import Key, parse_checkpoint
from secure_compute.verifier.reading import Refused, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from secure_compute.verifier.history import Witnessed
    from secure_compute.verifier.tree import Tiles

NOT_PLAIN = re.compile(r"[^a-z0-9._-]")


def files_on(stick: Path, origin: str) -> tuple[Path, list[str]]:
    """The folder of a box on a stick and what lies in it, the smallest tree first.

    The stick itself may be given, its folder of witnesses, or the folder of the box.
    """
    plain = NOT_PLAIN.sub("_", origin)
    for folder in (stick / STICK_FOLDER / plain, stick / plain, stick):
        try:
            names = os.listdir(folder)  # noqa: PTH208  # names alone are asked for
        except OSError:
            continue
        found = [name for name in names if OFFER.match(name) or COSIGNED.match(name)]
        if found:
            return folder, sorted(found, key=lambda name: (size_in(name), name))
    raise Unreadable(
        f"{stick} 上没有 {origin} 的见证文件", f"{stick} holds no witness's files of {origin}"
    )


def size_in(name: str) -> int:
    """The entries that the name of a file promises."""
    return int(name.split("-")[1])


def check_stick(stick: Path, key: Key, tiles: Tiles, witnessed: Witnessed) -> int:
    """Verify every checkpoint on a stick against the tree; how many there are."""
    folder, names = files_on(stick, key.name)
    for name in names:
        data, what = checkpoint_in(folder, name), (f"文件 {name} 的检查点", f"checkpoint in {name}")
        head = parse_checkpoint(data, key, what)
        if head.size != size_in(name):
            raise Refused(
                f"{name} 中是 {head.size} 条的检查点:文件被调换或改名",
                f"{name} holds a checkpoint of {head.size} entries: it was exchanged or renamed",
            )
        if head.size > tiles.head.size:
            raise Refused(
                f"{name} 见证过 {head.size} 条,本导出的日志却只有 {tiles.head.size} 条:日志被回退,或导出早于"
                "此 U 盘。请重新导出",
                f"{name} shows a log of {head.size} entries, and this export knows {tiles.head.size}: "
                "the log was rolled back, or the export is older than the stick. Have it exported anew",
            )
        if head.size and not tiles.extends(head):
            raise Refused(
                f"{name}({head.size} 条)不是现有日志的开头:历史被改写,或有两份日志",
                f"{name} ({head.size} entries) is not the beginning of this log: its history was "
                "rewritten, or there are two logs",
            )
        seen = witnessed.look(data, head.size, what)
        match = COSIGNED.match(name)
        if match is not None and match.group(2) in witnessed.ids - seen:
            raise Refused(
                f"{name} 上没有其名称所指见证方的共同签名:签名被去掉,或文件被改名",
                f"{name} lacks the cosignature of the witness that its name tells: it was taken away, "
                "or the file renamed",
            )
    return len(names)
