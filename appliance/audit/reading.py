"""Reading the audit log: search, single entries, signed checkpoints and Merkle proofs."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.errors import AuditEntryArchived
from appliance.audit.event import Entry
from appliance.audit.open_store import Leaf
from appliance.audit.query import Query, entry_of, meets, probe
from appliance.audit.recent import Recent
from appliance.audit.search import Search
from appliance.audit.store import AuditRows, Head, Row
from appliance.db.connection import open_connection
from appliance.errors import AuditEntryUnknown
from secure_compute.errors import TreeRangeInvalid
from secure_compute.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hashes,
)
from secure_compute.note import NoteKey
from secure_compute.tiles import WIDTH, Tile, TileNodes

__all__ = ["AuditReader", "Query"]

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
        self._recent = Recent()
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

    def first(self) -> int:
        """The first entry that the database still holds; those before it are in archives."""
        with self._lock:
            return self._rows.closed.extent().first

    def entry(self, index: int) -> Entry:
        """One entry.

        Raises:
            AuditEntryArchived: it has left the database for an archive.
            AuditEntryUnknown: the log has no such entry.
        """
        found = self.entries(index, index + 1) if 0 <= index < 1 << 62 else []
        if found:
            return found[0]
        if 0 <= index < self.first():
            raise AuditEntryArchived(index=index, archive=self.archive_of(index))
        raise AuditEntryUnknown(what=f"第 {index} 条记录 entry {index}")

    def entries(self, first: int, end: int) -> list[Entry]:
        """The entries with first <= index < end, in order."""
        return [entry_of(index, leaf) for index, leaf in self.leaves(first, end)]

    def leaves(self, first: int, end: int) -> list[Leaf]:
        """Index and canonical bytes of the entries with first <= index < end, in order."""
        with self._lock, self._rows.snapshot():
            search = Search(self._rows)
            return list(enumerate(search.leaves(first, end), search.begin(first)))

    def plain_leaves(self, first: int, end: int) -> list[bytes]:
        """The canonical bytes alone; of archived entries none, so there may be fewer than asked for."""
        with self._lock, self._rows.snapshot():
            return Search(self._rows).leaves(first, end)

    def rows(self, first: int, end: int) -> list[Row]:
        """The rows of entries with first <= index < end that lie in no bundle, in order."""
        with self._lock, self._rows.snapshot():
            return self._rows.rows(max(first, self._rows.closed.extent().closed), end)

    def closed_before(self, time: int) -> tuple[int, int]:
        """The closed entries older than a time, in whole tiles: first, and the one behind the last."""
        with self._lock, self._rows.snapshot():
            first, end = Search(self._rows).window(Query(until=time - 1))
            end = min(end, self._rows.closed.extent().closed)
        return first, max(first, end - end % WIDTH)

    def archives(self) -> list[ArchiveRow]:
        """Every archive that was made, by its first entry."""
        with self._lock:
            return self._rows.closed.archives()

    def archive_of(self, index: int) -> str:
        """Name and place of the archive that holds an entry; empty where none does."""
        for archive in self.archives():
            if archive.first <= index < archive.end:
                return f"{archive.name} ({archive.place})"
        return ""

    def tile(self, level: int, index: int) -> bytes | None:
        """The stored hashes of a full tile."""
        with self._lock:
            return self._rows.tile(level, index)

    def checkpoints(self) -> list[tuple[int, int, str]]:
        """The history of signed checkpoints: size, time, note."""
        with self._lock:
            return self._rows.checkpoints()

    def search(self, query: Query) -> list[Entry]:
        """The newest entries that meet a query, newest first."""
        with self._lock, self._rows.snapshot():
            return Search(self._rows).newest(query, self._recent)

    def follow(self) -> None:
        """Know the requests of the newest entries, so that who looks for one need not wait for that."""
        with self._lock, self._rows.snapshot():
            Search(self._rows).follow(self._recent)

    def select(self, query: Query, first: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Every entry that meets a query, oldest first, however many; a few thousand in memory.

        Nothing is left out for the sake of speed: each entry of the range is looked at, no index is
        trusted. Writers and other readers go on meanwhile.

        Args:
            query: what to look for; its limit does not matter here.
            first: first index.
            end: index behind the last; the size at the time of the call when None.
        """
        with self._lock, self._rows.snapshot():
            low, high = Search(self._rows).window(query)
        low, high = max(low, first), high if end is None else min(high, end)
        possible = probe(query)
        while low < high:
            stop = min(high, low - low % _CHUNK + _CHUNK)
            for index, leaf in self.leaves(low, stop):
                if possible(leaf) and meets(entry := entry_of(index, leaf), query):
                    yield entry
            low = stop

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
        """The leaf hash of an entry, as the tree holds it; also of one that is in an archive.

        Raises:
            AuditEntryUnknown: the log has no such entry.
        """
        size = self.size()
        if not 0 <= index < size:
            raise AuditEntryUnknown(what=f"第 {index} 条记录 entry {index}")
        return self.nodes(size).node(0, index)

    def nodes(self, size: int) -> TileNodes:
        """The nodes of the tree of the first `size` entries."""
        return TileNodes(self._load_tile, size)

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= self.size():
            raise AuditEntryUnknown(what=f"大小 {size} 的树 tree of size {size}")

    def _load_tile(self, tile: Tile) -> bytes:
        with self._lock, self._rows.snapshot():
            stored = self._rows.tile(tile.level, tile.index)
            first = tile.index * WIDTH
            if stored is not None:
                return stored[: tile.width * 32]
            if tile.level == 0:
                return b"".join(leaf_hashes(self._rows.leaves(first, first + tile.width)))
            return b"".join(self._rows.tile_roots(tile.level - 1, first, first + tile.width))
