"""The checkpoints of the past: each signed, each a beginning of today's tree, some cosigned."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from secure_compute.verifier.notes import Key, cosigned_at, parse_checkpoint
from secure_compute.verifier.reading import Head, Refused, lines_of, parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from secure_compute.verifier.tree import Tiles

HISTORY, FAR = "checkpoints.ndjson", 2**37
UTC = timezone.utc  # noqa: UP017  # datetime.UTC is not in Python 3.8


class Witnessed:
    """What the auditor's witnesses vouch for: of each the largest tree, and when."""

    def __init__(self, witnesses: list[Key]) -> None:
        self.witnesses = witnesses
        self.ids = {witness.key_id.hex() for witness in witnesses}
        self.seen: dict[str, tuple[int, int]] = {}

    def look(self, data: bytes, size: int, what: tuple[str, str]) -> set[str]:
        """Note the cosignatures on a checkpoint that was verified already; ids of the keys."""
        found = set()
        for witness in self.witnesses:
            when = cosigned_at(data, witness, what)
            if when is not None:
                found.add(witness.key_id.hex())
                self.seen[witness.line] = max(self.seen.get(witness.line, (0, 0)), (size, when))
        return found

    def news(self, size: int) -> tuple[str, str]:
        """What the witnesses say of a log, or a refusal where one of them says nothing."""
        zh, en, covered = "", "", 0
        for witness in self.witnesses:
            if witness.line not in self.seen:
                raise Refused(
                    f"见证方 {witness.name} 没有共同签署所给的任何检查点",
                    f"The witness {witness.name} cosigned no checkpoint of what was given",
                )
            first, when = self.seen[witness.line]
            covered = max(covered, first)
            day = datetime.fromtimestamp(min(when, FAR), UTC).strftime("%Y-%m-%d %H:%MZ")
            zh += f";见证方 {witness.name} 于 {day} 见证了前 {first} 条"
            en += f"; {witness.name} witnessed the first {first} entries on {day}"
        if self.witnesses:
            zh += ",此后未被改动"
            en += ", and they were not changed since"
        if self.witnesses and covered < size:
            zh += f";其后 {size - covered} 条只有盒子自己的签名"
            en += f"; the {size - covered} after them bear the box's own signature alone"
        return zh, en


def check_history(folder: Path, key: Key, tiles: Tiles, witnessed: Witnessed) -> int:
    """Verify every checkpoint of the past against the tree; how many there are."""
    before, count = 0, 0
    for line in (line for found in lines_of(folder, HISTORY) for line in found):
        count += 1
        what = (f"{HISTORY} 第 {count} 行的检查点", f"checkpoint in line {count} of {HISTORY}")
        value = parse_json(line, what[1])
        note = value.get("note") if isinstance(value, dict) else None
        if not isinstance(note, str) or set(value) != {"note"}:
            raise Refused(f"{what[0]}不合格式", f"The {what[1]} is malformed")
        data = note.encode("utf-8", "replace")
        head = parse_checkpoint(data, key, what)
        if not before < head.size <= tiles.head.size:
            raise Refused(
                f"{what[0]}重复、次序颠倒或比日志更大",
                f"The {what[1]} is doubled, out of order or larger than the log",
            )
        before = head.size
        if not tiles.extends(Head(head.size, head.root)):
            raise Refused(
                f"{what[0]}({head.size} 条)不是现有日志的开头:历史被改写",
                f"The {what[1]} ({head.size} entries) is not the beginning of this log: its history "
                "was rewritten",
            )
        witnessed.look(data, head.size, what)
    return count
