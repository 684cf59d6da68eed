"""Verify a WardBox audit export offline: `python3 verify.py EXPORT_DIR`, standard library only.

This program needs Python 3.8 or later and nothing else, and believes nothing that the box says: it
hashes every entry again (RFC 6962), checks the Ed25519 signature of the checkpoint (C2SP signed
note), and remembers key and checkpoint of each box, so that a log that was rewritten since the last
visit is found. Bring your own copy; the one beside an export could be altered like the rest.

Exit status: 0 all true, 1 something is wrong, 2 something cannot be read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from secure_compute.verifier.memory import Visit, remember, remembered
from secure_compute.verifier.reading import (
    HASH_SIZE,
    MAX_LINE,
    Head,
    Key,
    Manifest,
    Refused,
    check_files,
    from_base64,
    open_part,
    parse_checkpoint,
    parse_json,
    parse_key,
    parse_manifest,
    read_part,
)
from secure_compute.verifier.tree import (
    TILE_WIDTH,
    Tiles,
    append_leaf,
    climb,
    fold,
    hash_leaf,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def entries(folder: Path) -> Iterator[bytes]:
    """The lines of entries.ndjson without their newline."""
    with open_part(folder, "entries.ndjson") as stream:
        number = 0
        while True:
            line = stream.readline(MAX_LINE + 1)
            if not line:
                return
            if line[-1:] != b"\n":
                raise Refused(
                    f"entries.ndjson 在第 {number + 1} 行被截断",
                    f"entries.ndjson is cut off in line {number + 1}",
                )
            yield line[:-1]
            number += 1


class Order:
    """Watches that entries are numbered by their place and that time never runs backwards."""

    def __init__(self) -> None:
        self.floor = 0
        self.scan = json.JSONDecoder().raw_decode

    def check(self, line: bytes, index: int) -> None:
        """Look into one entry."""
        try:
            text = line.decode("utf-8")
            # Canonical JSON begins and ends with its braces, so the scanner alone will do.
            value, end = self.scan(text)
            seq, time = value["seq"], value["time"] if end == len(text) else None
        except (ValueError, RecursionError, LookupError, TypeError):
            raise Refused(
                f"第 {index} 条不是带序号和时间的 JSON 记录",
                f"Entry {index} is not a JSON record with a number and a time",
            ) from None
        if type(seq) is not int or type(time) is not int or seq != index:
            raise Refused(
                f"第 {index} 条的序号不连续(写着 {seq!r}):有记录被删除、插入或调换",
                f"Entry {index} carries number {seq!r}: entries were removed, added or reordered",
            )
        if time < self.floor:
            raise Refused(
                f"第 {index} 条的时间早于前一条", f"Entry {index} is older than the entry before it"
            )
        self.floor = time


def check_full(folder: Path, head: Head, visit: Visit | None) -> None:
    """Hash every entry; compare with the checkpoint, and the beginning with the last visit's."""
    order, size, before = Order(), 0, None
    peaks: list[bytes] = []
    for line in entries(folder):
        order.check(line, size)
        append_leaf(peaks, size, hash_leaf(line))
        size += 1
        if visit and size == visit.head.size:
            before = fold(peaks)
    if size != head.size:
        raise Refused(
            f"检查点共 {head.size} 条,导出却有 {size} 条:有记录被删除或添加",
            f"The checkpoint has {head.size} entries, the export {size}: some were removed or added",
        )
    if fold(peaks) != head.root:
        zh, en = suspect(folder, head)
        raise Refused(
            f"{size} 条记录的根与检查点不符:{zh}",
            f"The root over the {size} entries is not the checkpoint's: {en}",
        )
    if visit and visit.head.size and before != visit.head.root:
        raise rewritten(visit)


def suspect(folder: Path, head: Head) -> tuple[str, str]:
    """The first entry that differs from the exported tiles: a hint, since tiles prove nothing."""
    tiles, row = Tiles(folder, head.size), b""
    try:
        for index, line in enumerate(entries(folder)):
            tile, at = divmod(index, TILE_WIDTH)
            row = row if at else tiles.hashes(0, tile)
            if row[HASH_SIZE * at :][:HASH_SIZE] != hash_leaf(line):
                return f"第 {index} 条被改动", f"entry {index} was altered"
    except Refused:
        pass
    return "至少一条记录被改动", "at least one was altered"


def check_partial(folder: Path, manifest: Manifest, head: Head) -> int:
    """Check an inclusion proof for each entry; the number of entries."""
    proofs = parse_json(read_part(folder, "proofs.json"), "proofs.json")
    proofs = proofs if isinstance(proofs, list) else []
    order, count, index = Order(), 0, manifest.first - 1
    for count, line in enumerate(entries(folder), 1):
        item = proofs[count - 1] if count <= len(proofs) else None
        at, hashes = (
            (item.get("index"), item.get("proof")) if isinstance(item, dict) else (None, [])
        )
        expected = at if manifest.filtered else index + 1
        if type(at) is not int or not index < at <= manifest.last or at != expected:
            raise Refused(
                f"entries.ndjson 第 {count} 行没有与之相配的证明",
                f"Line {count} of entries.ndjson has no proof of its own",
            )
        index = at
        order.check(line, index)
        proof = [from_base64(text) for text in hashes] if isinstance(hashes, list) else []
        if climb(hash_leaf(line), index, head.size, proof) != head.root:
            raise Refused(
                f"第 {index} 条不在检查点的树中:它被改动过",
                f"Entry {index} is not in the checkpoint's tree: it was altered",
            )
    if len(proofs) != count or not (manifest.filtered or index == manifest.last):
        raise Refused(
            "导出的记录比声明的少", "The export holds fewer entries than it says: some were removed"
        )
    return count


def rewritten(visit: Visit) -> Refused:
    """The refusal for a log that is no continuation of what was seen before."""
    return Refused(
        f"日志与上次的检查点({visit.head.size} 条)不一致:历史被改写",
        f"The log does not continue the checkpoint of {visit.head.size} entries seen last time: "
        "its history was rewritten",
    )


def check_growth(head: Head, visit: Visit) -> None:
    """Refuse a tree that is smaller than the one seen last time, or another of the same size."""
    if head.size < visit.head.size:
        raise Refused(
            f"日志被回退:上次有 {visit.head.size} 条,现在只有 {head.size} 条",
            f"The log was rolled back: {visit.head.size} entries last time, {head.size} now",
        )
    if head.size == visit.head.size and head.root != visit.head.root:
        raise rewritten(visit)


def choose_key(folder: Path, given: str | None) -> Key:
    """The key that the auditor gave (a line or a file that holds it), else the export's own."""
    if given is None:
        line = read_part(folder, "box.vkey").decode("utf-8", "replace")
    elif "+" in given:
        line = given
    else:
        line = read_part(Path(given).parent, Path(given).name).decode("utf-8", "replace")
    return parse_key(line)


def verify(folder: Path, memory: Path, box_key: str | None) -> str:
    """Verify an export.

    Returns:
        The good news, in Chinese and English.

    Raises:
        Refused: Something is wrong; the sentence says what.
    """
    key = choose_key(folder, box_key)
    boxes, visit = remembered(memory, key.name)
    if visit and visit.line != key.line and box_key is None:
        raise Refused(
            f"盒子 {key.name} 换了密钥:上次是 {visit.line},这次是 {key.line}。若更换属实,请用 "
            "--box-key 给出新密钥",
            f"The box {key.name} has another key: {visit.line} last time, {key.line} now. If that "
            "is rightful, give the new key with --box-key",
        )
    head = parse_checkpoint(read_part(folder, "checkpoint"), key)
    manifest = parse_manifest(read_part(folder, "manifest.json"), key, head)
    if visit:
        check_growth(head, visit)
    full, count = manifest.is_full(head.size), head.size
    if full:
        check_full(folder, head, visit)
    else:
        count = check_partial(folder, manifest, head)
    check_files(folder, manifest.files)
    if visit and not full and 0 < visit.head.size < head.size:
        tiles = Tiles(folder, head.size)
        if not tiles.extends(visit.head.size, visit.head.root, head.root):
            raise rewritten(visit)
    remember(memory, boxes, key, head)
    return good_news(key, head, visit, None if full else count)


def good_news(key: Key, head: Head, visit: Visit | None, part: int | None) -> str:
    """What was proven, and what was not."""
    zh, en = f"通过:{key.name},日志共 {head.size} 条", f"OK: {key.name}, {head.size} entries"
    if part is not None:
        zh += f",本导出含其中 {part} 条(只证明所含记录真实,不证明没有筛掉别的)"
        en += f", of which {part} are exported (they are true; what was left out is not judged)"
    if visit:
        zh += f";与上次检查点({visit.head.size} 条)一致"
        en += f"; continues the checkpoint of {visit.head.size} entries seen last time"
    else:
        zh += f";首次见到这个盒子,请当面核对其密钥 {key.line}"
        en += f"; first visit, so compare the box's key with its screen: {key.line}"
    return f"{zh}。\n{en}."


def main(arguments: list[str]) -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        description="验证 WardBox 审计导出。 Verify a WardBox audit export."
    )
    parser.add_argument("export", type=Path, help="导出目录 the export directory")
    # Unlike Path.home(), this does not fail where there is no home.
    memory = Path(os.path.expanduser("~/.wardbox-verify.json"))  # noqa: PTH111
    parser.add_argument("--remember", type=Path, default=memory, help="记忆文件 the memory file")
    parser.add_argument("--box-key", help="盒子公钥或其文件 the box key, or a file that holds it")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        sys.stdout.write(verify(options.export, options.remember, options.box_key) + "\n")
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
