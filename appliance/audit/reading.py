"""Reading the audit log: search, single entries, signed checkpoints and Merkle proofs."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from appliance.audit.event import Entry, Event
from appliance.audit.store import AuditRows, Head, Row
from appliance.audit.summary import needle
from appliance.db.connection import open_connection
from appliance.errors import AuditEntryUnknown
from secure_compute.errors import TreeRangeInvalid
from secure_compute.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
)
from secure_compute.note import NoteKey
from secure_compute.tiles import WIDTH, Tile, TileNodes

MAX_FOUND: Final = 1000
_SCAN: Final = 512
_PREFIX = "*"


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; conditions hold together.

    Args:
        tag: a tag, or its beginning followed by "*".
        actor: who did it.
        since: first time, microseconds since 1970 UTC.
        until: last time, microseconds since 1970 UTC.
        request_id: the request that caused it.
        receipt: the receipt that names it.
        limit: at most this many, newest first; 1 to 1000.
        before: only entries below this index, to page on.
    """

    tag: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None
    request_id: str | None = None
    receipt: str | None = None
    limit: int = 100
    before: int | None = None


class AuditReader:
    """Reads committed entries; threads take turns.

    Args:
        path: the log's database.
        key: 32 bytes.
        note_key: the log's public key.
    """

    def __init__(self, path: Path, key: bytes, note_key: NoteKey) -> None:
        self.note_key = note_key
        self._lock = threading.RLock()
        self._rows = AuditRows(path, open_connection(path, key, read_only=True))
        self._closed = False

    def close(self) -> None:
        """Close the connection; doing it twice is fine."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._rows.close()

    def head(self) -> Head:
        """The state that the last commit left.

        Raises:
            AuditEntryUnknown: the log is empty.
        """
        with self._lock:
            head = self._rows.head()
        if head is None:
            raise AuditEntryUnknown(what="检查点 checkpoint")
        return head

    def size(self) -> int:
        """Entries in the log."""
        return self.head().size

    def checkpoint(self) -> str:
        """The newest signed checkpoint (C2SP tlog-checkpoint)."""
        return self.head().note

    def entry(self, index: int) -> Entry:
        """One entry.

        Raises:
            AuditEntryUnknown: the log has no such entry.
        """
        with self._lock:
            rows = self._rows.rows(index, index + 1) if 0 <= index < 1 << 62 else []
        if not rows:
            raise AuditEntryUnknown(what=f"第 {index} 条记录 entry {index}")
        return as_entry(rows[0])

    def entries(self, first: int, end: int) -> list[Entry]:
        """The entries with first <= index < end, in order."""
        return [as_entry(row) for row in self.rows(first, end)]

    def rows(self, first: int, end: int) -> list[Row]:
        """The stored rows with first <= index < end, in order."""
        with self._lock:
            return self._rows.rows(first, end)

    def tile(self, level: int, index: int) -> bytes | None:
        """The stored hashes of a full tile."""
        with self._lock:
            return self._rows.tile(level, index)

    def summary(self, tile: int) -> str | None:
        """The stored words of a full tile."""
        with self._lock:
            return self._rows.summary(tile)

    def checkpoints(self) -> list[tuple[int, int, str]]:
        """The history of signed checkpoints: size, time, note."""
        with self._lock:
            return self._rows.checkpoints()

    def search(self, query: Query) -> list[Entry]:
        """The newest entries that meet a query, newest first."""
        limit = max(1, min(query.limit, MAX_FOUND))
        with self._lock:
            low, high = self._window(query)
            keep = _condition(query)
            found: list[Entry] = []
            for row in self._candidates(query, high):
                if row[0] < low:
                    break
                if keep(row):
                    found.append(as_entry(row))
                    if len(found) == limit:
                        break
        return found

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of an entry in the tree of the first `size` entries.

        Raises:
            AuditEntryUnknown: there is no such entry or no such tree yet.
        """
        with self._lock:
            self._check_size(size)
            try:
                return inclusion_proof(self.nodes(size), index, size)
            except TreeRangeInvalid as error:
                raise AuditEntryUnknown(what=f"第 {index} 条记录 entry {index}") from error

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the first `old` entries are a prefix of the first `new` ones.

        Raises:
            AuditEntryUnknown: not 0 < old <= new <= size.
        """
        with self._lock:
            self._check_size(new)
            try:
                return consistency_proof(self.nodes(new), old, new)
            except TreeRangeInvalid as error:
                raise AuditEntryUnknown(what=f"大小 {old} 的树 tree of size {old}") from error

    def leaf_hash(self, index: int) -> bytes:
        """The hash of an entry, from its bytes."""
        return leaf_hash(self.entry(index).leaf)

    def nodes(self, size: int) -> TileNodes:
        """The nodes of the tree of the first `size` entries."""
        return TileNodes(self._load_tile, size)

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= self.size():
            raise AuditEntryUnknown(what=f"大小 {size} 的树 tree of size {size}")

    def _load_tile(self, tile: Tile) -> bytes:
        with self._lock:
            stored = self._rows.tile(tile.level, tile.index)
            first = tile.index * WIDTH
            if stored is not None:
                return stored[: tile.width * 32]
            if tile.level == 0:
                return b"".join(leaf_hashes(self._rows.leaves(first, first + tile.width)))
            return b"".join(self._rows.tile_roots(tile.level - 1, first, first + tile.width))

    def _window(self, query: Query) -> tuple[int, int]:
        """The indexes that times and paging leave: times never decrease along the log."""
        size = self._rows.last_index() + 1
        low = self._first_at(query.since, size) if query.since is not None else 0
        high = self._first_at(query.until + 1, size) if query.until is not None else size
        if query.before is not None:
            high = min(high, max(0, query.before))
        return low, high

    def _first_at(self, time: int, size: int) -> int:
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            found = self._rows.time_of(middle)
            if found is not None and found < time:
                low = middle + 1
            else:
                high = middle
        return low

    def _candidates(self, query: Query, high: int) -> Iterator[Row]:
        """Rows below an index, newest first, by the shortest way to those that can meet a query."""
        for column, value in (("request", query.request_id), ("receipt", query.receipt)):
            if value is not None:
                yield from self._paged(high, partial(self._rows.latest, column, value))
                return
        if query.tag is None and query.actor is None:
            yield from self._paged(high, self._rows.newest)
            return
        # What stands behind the last full tile has no summary yet.
        full = high // WIDTH
        yield from reversed(self._rows.rows(full * WIDTH, high))
        words = needle(tag=query.tag, actor=query.actor)
        while tiles := self._rows.tiles_naming(words, full, _SCAN):
            for tile in tiles:
                yield from reversed(self._rows.rows(tile * WIDTH, (tile + 1) * WIDTH))
            full = tiles[-1]

    def _paged(self, high: int, read: Callable[[int, int], Iterator[Row]]) -> Iterator[Row]:
        while rows := list(read(high, _SCAN)):
            yield from rows
            high = rows[-1][0]


def as_entry(row: Row) -> Entry:
    """The entry of a stored row, from its leaf alone."""
    leaf: dict[str, Any] = orjson.loads(row[-1])
    event = Event(leaf["tag"], leaf["actor"], leaf["subject"], leaf["request_id"], leaf["details"])
    return Entry(row[0], leaf["time"], leaf["boot"], event, row[-1])


def _condition(query: Query) -> Callable[[Row], bool]:
    prefix = query.tag[:-1] if query.tag is not None and query.tag.endswith(_PREFIX) else None

    def keep(row: Row) -> bool:
        _, _, tag, actor, request, receipt, _ = row
        return (
            (tag.startswith(prefix) if prefix is not None else query.tag in {None, tag})
            and query.actor in {None, actor}
            and query.request_id in {None, request}
            and query.receipt in {None, receipt}
        )

    return keep
