"""Reading the audit log: search, single entries, signed checkpoints and Merkle proofs."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from appliance.audit.event import Entry
from appliance.audit.query import MAX_FOUND, Query, entry_of, meets, probe
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

__all__ = ["AuditReader", "Query"]

_SCAN: Final = 512
_CHUNK: Final = 4096


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
        return entry_of(rows[0][0], rows[0][-1])

    def entries(self, first: int, end: int) -> list[Entry]:
        """The entries with first <= index < end, in order."""
        return [entry_of(row[0], row[-1]) for row in self.rows(first, end)]

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
            possible = probe(query)
            found: list[Entry] = []
            for row in self._candidates(query, high):
                if row[0] < low:
                    break
                if possible(row[-1]) and meets(entry := entry_of(row[0], row[-1]), query):
                    found.append(entry)
                    if len(found) == limit:
                        break
        return found

    def select(self, query: Query, first: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Every entry that meets a query, oldest first, however many; a few thousand in memory.

        Nothing is left out for the sake of speed: each entry of the range is looked at, no index is
        trusted. Writers and other readers go on meanwhile.

        Args:
            query: what to look for; its limit does not matter here.
            first: first index.
            end: index behind the last; the size at the time of the call when None.
        """
        with self._lock:
            low, high = self._window(query)
        low, high = max(low, first), high if end is None else min(high, end)
        possible = probe(query)
        while low < high:
            stop = min(high, low - low % _CHUNK + _CHUNK)
            for index, leaf in self.leaves(low, stop):
                if possible(leaf) and meets(entry := entry_of(index, leaf), query):
                    yield entry
            low = stop

    def leaves(self, first: int, end: int) -> list[tuple[int, bytes]]:
        """Index and canonical bytes of the entries with first <= index < end, in order."""
        return [(row[0], row[-1]) for row in self.rows(first, end)]

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
