"""Recomputing the whole log: every leaf, every tile, every signed checkpoint."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.audit.bundle import time_in
from appliance.audit.reading import AuditReader
from appliance.audit.store import Head, Row
from appliance.audit.tree import GrowingTree
from appliance.errors import ApplianceError
from secure_compute.canonical import canonical_bytes
from secure_compute.errors import SecureComputeError
from secure_compute.merkle import HASH_SIZE, Frontier, leaf_hashes
from secure_compute.note import Checkpoint, verify_checkpoint
from secure_compute.tiles import WIDTH

CHUNK: Final = 4096
"""Entries read at a time: sixteen tiles, about 2 MB."""
_BEFORE_TIME: Final = b'"time":'
_TIME: Final = len('"time":1700000000000000}')


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What recomputing found.

    Args:
        entries: entries that the signed checkpoint promises.
        root: the root that was recomputed, hexadecimal; empty when it came to none.
        ok: whether everything agrees.
        sentence: the result in Chinese and English.
        seconds: how long it took.
        first_bad: the first entry that disagrees, or None.
    """

    entries: int
    root: str
    ok: bool
    sentence: str
    seconds: float
    first_bad: int | None = None


class _Disagreement(Exception):
    """Something recomputed is not what is stored."""

    def __init__(self, zh: str, en: str, index: int | None = None) -> None:
        super().__init__(f"{zh} {en}")
        self.index = index


def verify(
    reader: AuditReader, *, monotonic: Callable[[], float] = time.perf_counter
) -> VerifyReport:
    """Recompute the log up to its newest signed checkpoint.

    Leaves are hashed again, index columns are compared with them, sequence and time are checked,
    tiles are compared, and every checkpoint of the history is verified against the tree. Of archived
    entries the hashes are at hand and checked; the entries are checked where the archive is. Other
    threads may read and write meanwhile.

    Args:
        reader: the log.
        monotonic: seconds, for the report.

    Returns:
        The report; a log that disagrees is a report, not an error.
    """
    start = monotonic()
    head = reader.head()
    try:
        signed = verify_checkpoint(head.note.encode(), reader.note_key)
        _check_archives(reader)
        tree = _recompute(reader, signed.size)
        _compare(tree, signed, head)
        _check_history(reader, signed.size)
    except (_Disagreement, SecureComputeError, ApplianceError) as error:
        index = error.index if isinstance(error, _Disagreement) else None
        sentence = f"审计日志校验失败:{error} The audit log does not verify."
        return VerifyReport(head.size, "", False, sentence, monotonic() - start, index)
    root = tree.frontier.root().hex()
    sentence = (
        f"审计日志完好:{head.size} 条记录与签名检查点一致。 "
        f"The audit log is intact: {head.size} entries agree with the signed checkpoint."
    )
    return VerifyReport(head.size, root, True, sentence, monotonic() - start)


def _recompute(reader: AuditReader, size: int) -> GrowingTree:
    tree, floor = GrowingTree(), 0
    while tree.size < size:
        first = tree.size
        end = min(first + CHUNK, size)
        if first < (held := reader.first()):
            hashes = _archived_hashes(reader, first, min(end, held))
        else:
            leaves = reader.plain_leaves(first, end)
            if len(leaves) != end - first:
                if first < reader.first():
                    # They were archived a moment ago.
                    continue
                raise _Disagreement(
                    f"第 {first} 条之后缺少记录。", f"Entries are missing after {first}.", first
                )
            floor = _check_leaves(leaves, first, floor)
            _check_rows(reader.rows(first, end))
            hashes = leaf_hashes(leaves)
        tree, tiles = tree.grow(hashes)
        for tile in tiles:
            if reader.tile(tile.level, tile.index) != tile.hashes:
                bad = tile.index << (8 * (tile.level + 1))
                raise _Disagreement(
                    f"从第 {bad} 条起的节点与记录不同。",
                    f"The nodes from entry {bad} on differ from the entries.",
                    bad,
                )
    return tree


def _check_archives(reader: AuditReader) -> None:
    """What the database no longer holds must be in archives that the log knows."""
    end = 0
    for archive in reader.archives():
        if archive.first <= end:
            end = max(end, archive.end)
    if end < reader.first():
        raise _Disagreement(
            f"第 {end} 条起的记录既不在库中,也不在任何归档中。",
            f"From entry {end} on entries are neither here nor in any archive.",
            end,
        )


def _archived_hashes(reader: AuditReader, first: int, end: int) -> list[bytes]:
    """The leaf hashes of entries that are in an archive, as their tiles keep them."""
    hashes: list[bytes] = []
    for tile in range(first // WIDTH, end // WIDTH):
        stored = reader.tile(0, tile) or b""
        if len(stored) != WIDTH * HASH_SIZE:
            raise _Disagreement(
                f"第 {tile} 块的哈希缺失。", f"The hashes of tile {tile} are missing.", tile * WIDTH
            )
        hashes += [stored[at : at + HASH_SIZE] for at in range(0, len(stored), HASH_SIZE)]
    return hashes


def _check_leaves(leaves: Sequence[bytes], first: int, floor: int) -> int:
    """Sequence and time of a run of leaves; returns the last time."""
    # Canonical JSON spells every field in one way, so looking for that spelling is enough, and takes
    # a fraction of the time that parsing does. Times have sixteen digits from 2001 to 2286: spelt
    # alike they are in order as bytes, and what lies between two of them is one of them.
    numbers = [b'"seq":%d,"subject":' % at for at in range(first, first + len(leaves))]
    times = [leaf[-_TIME:] for leaf in leaves]
    times.insert(0, _spelt_time(floor))
    if (
        min(map(bytes.rfind, leaves, numbers), default=0) > 0
        and times == sorted(times)
        and times[-1].startswith(_BEFORE_TIME)
    ):
        return int(times[-1][len(_BEFORE_TIME) : -1])
    for index, (leaf, number) in enumerate(zip(leaves, numbers, strict=True), first):
        # One that is not as it should be; or a long subject; or a clock that stood before 2001.
        stamp = time_in(leaf)
        if number not in leaf or stamp < floor:
            raise _altered(index)
        floor = stamp
    return floor


def _spelt_time(stamp: int) -> bytes:
    return b"%b%016d}" % (_BEFORE_TIME, stamp)


def _check_rows(rows: Sequence[Row]) -> None:
    """The index columns of single entries against their leaves, which are what was signed."""
    # A column that spells anything else than its leaf is found, whatever stands in it.
    heads = _Spelt(b'{"actor":%b,"boot":"')
    for index, stamp, tag, actor, request, receipt, leaf in rows:
        tail = (
            f',"request_id":"{request}","seq":{index},"subject":null,"tag":"{tag}","time":{stamp}}}'
        )
        if not (
            leaf.startswith(heads[actor])
            and (leaf.endswith(tail.encode()) or _spells(leaf, index, request, tag, stamp))
            and (receipt is None or f'"receipt":"{receipt}",'.encode() in leaf)
        ):
            raise _altered(index)


def _altered(index: int) -> _Disagreement:
    return _Disagreement(f"第 {index} 条记录被改动。", f"Entry {index} was altered.", index)


def _spells(leaf: bytes, index: int, request: str | None, tag: str, stamp: int) -> bool:
    """The rarer leaves: with a subject, without a request, or with texts that JSON escapes."""
    middle = b',"request_id":%b,"seq":%d,"subject":' % (canonical_bytes(request), index)
    return middle in leaf and leaf.endswith(b',"tag":%b,"time":%d}' % (canonical_bytes(tag), stamp))


class _Spelt(dict[str, bytes]):
    """Texts as they stand in a leaf, each spelt once."""

    def __init__(self, form: bytes) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, text: str) -> bytes:
        spelt = self[text] = self._form % canonical_bytes(text)
        return spelt


def _compare(tree: GrowingTree, signed: Checkpoint, head: Head) -> None:
    agree = tree.frontier.root() == signed.root and signed.size == head.size
    if not agree or tree.frontier.peaks != head.peaks:
        raise _Disagreement(
            "重算的根与签名检查点不同。", "The recomputed root is not the one that was signed."
        )


def _check_history(reader: AuditReader, size: int) -> None:
    nodes = reader.nodes(size)
    for stored, _, note in reader.checkpoints():
        if stored > size:
            continue
        past = verify_checkpoint(note.encode(), reader.note_key)
        if past.size != stored or Frontier.from_nodes(nodes, stored).root() != past.root:
            raise _Disagreement(
                f"大小为 {stored} 的检查点与记录不同。",
                f"The checkpoint of size {stored} differs from the entries.",
            )
