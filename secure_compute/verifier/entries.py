"""Every entry of an export: hashed as it lies, held against the proven tiles, its order watched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from secure_compute.verifier.reading import HASH_SIZE, Refused, lines_of
from secure_compute.verifier.tree import TILE_WIDTH, Tiles, hash_leaves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRIES = "entries.ndjson"
# Canonical JSON writes the keys of an entry in one order, so that every line ends like this. The
# newline in the pattern ties a match to the end of a line, for no JSON text holds a bare one.
ENDING = 144
TAIL = re.compile(
    rb'"seq":([0-9]+),"subject":(?:null|"(?:[^"\\\n]|\\[^\n])*")'
    rb',"tag":"[^"\\\n]*","time":(0|[1-9][0-9]{0,18})}\n'
)


class Order:
    """Watches that entries are numbered by their place and that time never runs backwards."""

    def __init__(self, *, deep: bool) -> None:
        self.floor, self.deep = 0, deep
        self.scan = json.JSONDecoder(parse_float=no_float, parse_constant=no_float).raw_decode

    def check_run(self, lines: list[bytes], first: int) -> None:
        """Look into entries that stand side by side; `first` is the number of the first."""
        # All lines at once, and of each only its end: one step of Python for many entries.
        found = TAIL.findall(b"\n".join([line[-ENDING:] for line in lines]) + b"\n")
        if len(found) != len(lines):
            found = TAIL.findall(b"\n".join(lines) + b"\n")  # some have a long subject
        if len(found) == len(lines) and not self.deep:
            numbers = [b"%d" % index for index in range(first, first + len(lines))]
            times = [int(time) for _, time in found]
            if (
                [number for number, _ in found] == numbers
                and times == sorted(times)
                and times[0] >= self.floor
            ):
                self.floor = times[-1]
                return
        for index, line in enumerate(lines, first):
            self.check(line, index)

    def check(self, line: bytes, index: int) -> Any:
        """Look into one entry; what it says."""
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
        if self.deep and canonical(value) != text:
            raise Refused(
                f"第 {index} 条不是规范 JSON(RFC 8785)",
                f"Entry {index} is not canonical JSON (RFC 8785)",
            )
        self.floor = time
        return value


def no_float(text: str) -> Any:
    """Refuse what canonical JSON of a log never holds."""
    raise ValueError(text)


def canonical(value: Any) -> str:
    """A value as canonical JSON; keys are sorted by their UTF-16 code units."""
    if isinstance(value, dict):
        order = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in order) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def runs(folder: Path, first: int) -> Iterator[tuple[int, list[bytes]]]:
    """The entries in runs that end where tiles end, each with the number of its first."""
    waiting: list[bytes] = []
    for found in lines_of(folder, ENTRIES):
        waiting += found
        at = 0
        while len(waiting) - at >= TILE_WIDTH - first % TILE_WIDTH:
            end = at + TILE_WIDTH - first % TILE_WIDTH
            yield first, waiting[at:end]
            first, at = first + end - at, end
        del waiting[:at]
    if waiting:
        yield first, waiting


def check_range(
    folder: Path, tiles: Tiles, span: tuple[int, int], order: Order
) -> Iterator[tuple[int, list[bytes]]]:
    """Hash every entry of a span without gaps and hold it against tiles that lead to the root.

    Yields:
        Each run of entries, once it is proven.
    """
    first, last = span
    end = first
    for index, lines in runs(folder, first):
        end = index + len(lines)
        # What is beyond was added; what goes before it may tell more precisely where.
        order.check_run(lines[: last + 1 - index], index)
        if end > last + 1:
            raise wrong_count(last + 1 - first, None)
        tile, at = divmod(index, TILE_WIDTH)
        found, expected = hash_leaves(lines), tiles.prove(0, tile)[HASH_SIZE * at :]
        if found != expected[: len(found)]:
            bad = next(n for n in range(len(lines)) if place(found, n) != place(expected, n))
            raise altered(index + bad)
        yield index, lines
    if end != last + 1:
        raise wrong_count(last + 1 - first, end - first)


def place(hashes: bytes, number: int) -> bytes:
    """One of many joined hashes."""
    return hashes[HASH_SIZE * number :][:HASH_SIZE]


def altered(index: int) -> Refused:
    """The refusal for an entry that is not the one in the tree."""
    return Refused(
        f"第 {index} 条被改动:它不在检查点的树中",
        f"Entry {index} was altered: it is not the one in the checkpoint's tree",
    )


def wrong_count(said: int, found: int | None) -> Refused:
    """The refusal for an export with more or fewer entries than it says."""
    zh, en = ("更多", "more") if found is None else (f"{found} 条", str(found))
    return Refused(
        f"检查点与清单共 {said} 条,导出却有{zh}:有记录被删除或添加",
        f"The checkpoint and the manifest say {said} entries, the export holds {en}: some were "
        "removed or added",
    )
