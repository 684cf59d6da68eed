"""Verify a WardBox audit export offline: `python3 verify.py EXPORT_DIR`, standard library only.

This program needs Python 3.8 or later and nothing else, and believes nothing that the box says: it
hashes every entry again (RFC 6962), checks the Ed25519 signatures of the checkpoints (C2SP signed
notes) and of the list of all other files, and remembers key and checkpoint of each box, so that a log
that was rewritten since the last visit is found. Give the keys of witnesses with --witness, and their
cosignatures are demanded too; give a stick of theirs with --stick, and every checkpoint on it must be
the beginning of this log. Bring your own copy; the one beside an export could be altered like the rest.

Exit status: 0 all true, 1 something is wrong, 2 something cannot be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from secure_compute.verifier.bodies import Bodies, Counted
from secure_compute.verifier.entries import ENTRIES, Order, check_range, wrong_count
from secure_compute.verifier.folder import Manifest, check_files, check_seal, parse_manifest
from secure_compute.verifier.history import Witnessed, check_history
from secure_compute.verifier.memory import Visit, remember, remembered
from secure_compute.verifier.notes import LOG_KIND, WITNESS_KIND, Key, parse_checkpoint, parse_key
from secure_compute.verifier.proofs import check_filtered
from secure_compute.verifier.reading import Head, Refused, read_part
from secure_compute.verifier.sticks import check_stick
from secure_compute.verifier.tree import Tiles

if TYPE_CHECKING:
    from collections.abc import Sequence


class Wishes(NamedTuple):
    """What the auditor brought: own memory, keys, sticks, and whether to parse every entry."""

    memory: Path
    box_key: str | None = None
    witnesses: Sequence[str] = ()
    deep: bool = False
    sticks: Sequence[Path] = ()


class Outcome(NamedTuple):
    """What was proven."""

    key: Key
    head: Head
    visit: Visit | None
    manifest: Manifest
    bodies: Counted | None
    history: int
    laid: int


def rewritten(visit: Visit) -> Refused:
    """The refusal for a log that is no continuation of what was seen before."""
    return Refused(
        f"日志与上次的检查点({visit.head.size} 条)不一致:历史被改写",
        f"The log does not continue the checkpoint of {visit.head.size} entries seen last time: "
        "its history was rewritten",
    )


def check_growth(tiles: Tiles, visit: Visit) -> None:
    """Refuse a tree that is smaller than the one seen last time, or does not begin with it."""
    old, head = visit.head, tiles.head
    if head.size < old.size:
        raise Refused(
            f"日志被回退:上次有 {old.size} 条,现在只有 {head.size} 条",
            f"The log was rolled back: {old.size} entries last time, {head.size} now",
        )
    if old.size and not tiles.extends(old):
        raise rewritten(visit)


def given_key(given: str, kind: bytes) -> Key:
    """A key that the auditor gave: a line, or a file that holds it."""
    if "+" in given:
        return parse_key(given, kind)
    data = read_part(Path(given).parent, Path(given).name)
    return parse_key(data.decode("utf-8", "replace"), kind)


def choose_key(folder: Path, given: str | None) -> Key:
    """The key that the auditor gave, else the export's own."""
    if given is not None:
        return given_key(given, LOG_KIND)
    return parse_key(read_part(folder, "box.vkey").decode("utf-8", "replace"))


def check_entries(
    folder: Path, tiles: Tiles, manifest: Manifest, checkpoint: bytes, order: Order
) -> Counted | None:
    """Prove every entry, and every body against its entry."""
    span, count = (manifest.first, manifest.last), 0
    bodies = Bodies(folder) if manifest.bodies else None
    found = (
        check_filtered(folder, tiles.head, checkpoint, span, order)
        if manifest.filtered
        else check_range(folder, tiles, span, order)
    )
    for first, lines in found:
        count += len(lines)
        if bodies is not None:
            bodies.check_run(first, lines)
    if count != manifest.entries:
        raise wrong_count(manifest.entries, count)
    return None if bodies is None else bodies.end()


def verify(folder: Path, wishes: Wishes) -> str:
    """Verify an export.

    Returns:
        The good news, in Chinese and English.

    Raises:
        Refused: Something is wrong; the sentence says what.
    """
    key = choose_key(folder, wishes.box_key)
    witnessed = Witnessed([given_key(given, WITNESS_KIND) for given in wishes.witnesses])
    boxes, visit = remembered(wishes.memory, key.name)
    if visit and visit.line != key.line and wishes.box_key is None:
        raise Refused(
            f"盒子 {key.name} 换了密钥:上次是 {visit.line},这次是 {key.line}。若更换属实,请用 "
            "--box-key 给出新密钥",
            f"The box {key.name} has another key: {visit.line} last time, {key.line} now. If that "
            "is rightful, give the new key with --box-key",
        )
    checkpoint = read_part(folder, "checkpoint")
    head = parse_checkpoint(checkpoint, key)
    manifest = parse_manifest(folder, key, head)
    tiles = Tiles(folder, head)
    if visit:
        check_growth(tiles, visit)
    witnessed.look(checkpoint, head.size, ("检查点", "checkpoint"))
    bodies = check_entries(folder, tiles, manifest, checkpoint, Order(deep=wishes.deep))
    history = check_history(folder, key, tiles, witnessed)
    laid = sum(check_stick(stick, key, tiles, witnessed) for stick in wishes.sticks)
    check_seal(folder, key)
    check_files(folder, frozenset() if manifest.filtered else frozenset({ENTRIES}))
    zh, en = good_news(Outcome(key, head, visit, manifest, bodies, history, laid))
    more_zh, more_en = witnessed.news(head.size)
    remember(wishes.memory, boxes, key, head)
    return f"{zh}{more_zh}。\n{en}{more_en}."


def good_news(found: Outcome) -> tuple[str, str]:
    """What was proven, and what was not."""
    key, head, visit, manifest = found[:4]
    zh, en = f"通过:{key.name},日志共 {head.size} 条", f"OK: {key.name}, {head.size} entries"
    if manifest.filtered:
        zh += f",本导出含其中 {manifest.entries} 条(只证明所含记录真实,不证明没有筛掉别的)"
        en += (
            f", of which {manifest.entries} are exported (they are true; what was left out is not "
            "judged)"
        )
    elif not manifest.is_full(head.size):
        zh += f",本导出含第 {manifest.first} 至 {manifest.last} 条,一条不缺"
        en += f", of which {manifest.first} to {manifest.last} are exported, without a gap"
    zh += f";{found.history} 个历史检查点均与之一致"
    en += f"; {found.history} checkpoints of the past agree"
    if found.laid:
        zh += f";U 盘上 {found.laid} 个检查点也均与之一致"
        en += f"; so do {found.laid} checkpoints on sticks"
    if found.bodies is not None:
        zh += ";正文 {} 份与摘要一致,{} 份只保留了开头,{} 份没有".format(*found.bodies)
        en += "; {} bodies proven, {} kept in part, {} absent".format(*found.bodies)
    if visit:
        zh += f";与上次检查点({visit.head.size} 条)一致"
        en += f"; continues the checkpoint of {visit.head.size} entries seen last time"
    else:
        zh += f";首次见到这个盒子,请当面核对其密钥 {key.line}"
        en += f"; first visit, so compare the box's key with its screen: {key.line}"
    return zh, en


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
    parser.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="KEY",
        help="见证方公钥或其文件,可多次给出 a witness's key, or a file that holds it; may be repeated",
    )
    parser.add_argument(
        "--stick",
        action="append",
        default=[],
        metavar="DIR",
        type=Path,
        help="见证 U 盘的目录,可多次给出 the folder of a witness's stick; may be repeated",
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="逐条解析并要求规范 JSON,较慢 parse every entry and demand canonical JSON; slower",
    )
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    wishes = Wishes(options.remember, options.box_key, options.witness, options.deep, options.stick)
    try:
        sys.stdout.write(verify(options.export, wishes) + "\n")
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
