"""Searching the log newest first: the open part by its columns, the closed part by its postings."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from appliance.audit.bundle import BUNDLE, Packer, line_of, lines_of, time_in
from appliance.audit.closed_store import ClosedRows
from appliance.audit.conditions import Condition, together
from appliance.audit.errors import AuditTampered
from appliance.audit.event import Entry
from appliance.audit.open_store import Leaf, Sought
from appliance.audit.postings import (
    SEGMENT,
    cover,
    entries_in,
    entries_of,
    few,
    many,
    offsets_below,
)
from appliance.audit.query import MAX_FOUND, Query, entry_of, meets, probe
from appliance.audit.recent import Recent
from appliance.audit.store import AuditRows
from secure_compute.canonical import canonical_bytes

_OPEN_CHUNK: Final = 256
_LAST: Final = "\U0010ffff"
_EVERY: Final = ("", _LAST)
_IN_EVERY_LEAF: Final = b"{"
_ANY: Final = "*"


class Search:
    """Finds entries in one snapshot of the log; used by one thread at a time.

    Args:
        rows: an open connection, inside a snapshot.
    """

    def __init__(self, rows: AuditRows) -> None:
        self._rows = rows
        self._closed = rows.closed
        self._extent = self._closed.extent()
        self._bundles = Bundles(self._closed)

    def newest(self, query: Query, recent: Recent) -> list[Entry]:
        """The newest entries that meet a query, newest first.

        Args:
            query: what to look for.
            recent: knows the requests of the open part; it is brought up to this snapshot.
        """
        limit = max(1, min(query.limit, MAX_FOUND))
        low, high = self.window(query)
        possible = probe(query)
        found: list[Entry] = []
        for index, leaf in self._candidates(query, low, high, recent):
            if possible(leaf) and meets(entry := entry_of(index, leaf), query):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def window(self, query: Query) -> tuple[int, int]:
        """The indexes that times and paging leave: times never decrease along the log."""
        size = self._rows.last_index() + 1
        low = self._first_at(query.since, size) if query.since is not None else 0
        high = self._first_at(query.until + 1, size) if query.until is not None else size
        if query.before is not None:
            high = min(high, max(0, query.before))
        return max(low, self._extent.first), high

    def leaves(self, first: int, end: int) -> list[bytes]:
        """The leaves of the entries with first <= index < end, in order; of archived ones none.

        Raises:
            AuditTampered: closed entries are missing or damaged.
        """
        closed = self._extent.closed
        found: list[bytes] = []
        if first < closed:
            found = self._bundles.span(max(first, self._extent.first), min(end, closed))
        if end > closed:
            found += self._rows.leaves(max(first, closed), end)
        return found

    def begin(self, first: int) -> int:
        """The index that the leaves from `first` on begin with: what is archived is not there."""
        return max(first, self._extent.first)

    def _first_at(self, time: int, size: int) -> int:
        """The first entry that is not older than a time."""
        extent = self._extent
        opened = self._rows.time_of(extent.closed)
        if opened is not None and opened < time:
            return _bisect(extent.closed, size, lambda at: (self._rows.time_of(at) or 0) < time)
        bundle = _bisect(
            extent.first // BUNDLE,
            extent.closed // BUNDLE,
            lambda at: (self._closed.bundle_time(at) or 0) < time,
        )
        if bundle == extent.first // BUNDLE:
            return extent.first
        leaves = self._bundles.leaves(bundle - 1)
        inside = _bisect(0, len(leaves), lambda at: time_in(leaves[at]) < time)
        return (bundle - 1) * BUNDLE + inside

    def _candidates(self, query: Query, low: int, high: int, recent: Recent) -> Iterator[Leaf]:
        closed = self._extent.closed
        wanted = query.request_id or query.receipt
        if wanted:
            yield from self._recent(recent, wanted, max(low, closed), high)
        else:
            yield from self._open(query, max(low, closed), high)
        high = min(high, closed)
        groups = self._groups(query)
        if low >= high or groups is None:
            return
        if not groups:
            yield from self._bundles.backwards(low, high)
            return
        for number, entries in together(groups, low // SEGMENT, (high - 1) // SEGMENT):
            base = number * SEGMENT
            for offset in offsets_below(entries, min(SEGMENT, high - base)):
                if base + offset < low:
                    return
                yield base + offset, self._bundles.leaf(base + offset)

    def _open(self, query: Query, first: int, end: int) -> Iterator[Leaf]:
        wanted = _sought(query)
        while first < end:
            found = self._rows.open_entries(wanted, first, end, _OPEN_CHUNK)
            yield from found
            if len(found) < _OPEN_CHUNK:
                return
            end = found[-1][0]

    def follow(self, recent: Recent) -> None:
        """Bring the requests of the open part up to this snapshot."""
        recent.follow(self._rows, self._extent.closed, self._rows.last_index() + 1)

    def _recent(self, recent: Recent, wanted: str, first: int, end: int) -> Iterator[Leaf]:
        self.follow(recent)
        for index in recent.holding(wanted, first, end):
            yield index, self._rows.leaves(index, index + 1)[0]

    def _groups(self, query: Query) -> "list[Condition] | None":
        """Where to look up each condition; None where no closed entry can meet one."""
        groups: list[Condition] = []
        for kind, value in (
            ("request", query.request_id),
            ("request", query.receipt),
            ("patient", query.patient),
        ):
            if value is not None:
                bucket, short = many(kind, value)
                groups.append(Condition(self._closed, (bucket,), partial(entries_in, short)))
        for kind, value in (("actor", query.actor), ("model", query.model)):
            if value is not None:
                groups.append(Condition(self._closed, (few(kind, value),), entries_of))
        if query.tag is not None and query.tag != _ANY:
            tags = self._tags(query.tag)
            if not tags:
                return None
            groups.append(Condition(self._closed, [few("tag", tag) for tag in tags], entries_of))
        return groups

    def _tags(self, wanted: str) -> tuple[str, ...]:
        return cover(wanted[:-1], self._closed.tags()) if wanted.endswith(_ANY) else (wanted,)


class Bundles:
    """Leaves of the closed part; the bundle that was opened last stays open.

    Args:
        rows: the closed part.
    """

    def __init__(self, rows: ClosedRows) -> None:
        self._rows = rows
        self._packer = Packer()
        self._number = -1
        self._plain = b""

    def leaves(self, number: int) -> list[bytes]:
        """The leaves of a bundle. Raises AuditTampered where it is missing or damaged."""
        return lines_of(number, self._open(number))

    def leaf(self, index: int) -> bytes:
        """One leaf."""
        number, offset = divmod(index, BUNDLE)
        return line_of(number, self._open(number), offset)

    def span(self, first: int, end: int) -> list[bytes]:
        """The leaves from `first` up to `end`. Raises AuditTampered."""
        if first >= end:
            return []
        low, high = first // BUNDLE, -(-end // BUNDLE)
        bodies = self._rows.bundles(low, high)
        if len(bodies) != high - low:
            raise AuditTampered(
                reason=f"第 {first} 条之后缺少记录 entries are missing after {first}"
            )
        found: list[bytes] = []
        for number, body in bodies:
            found += lines_of(number, self._packer.open(number, body))
        skip = first % BUNDLE
        return found[skip : skip + end - first]

    def _open(self, number: int) -> bytes:
        if number != self._number:
            bodies = self._rows.bundles(number, number + 1)
            if not bodies:
                raise AuditTampered(reason=f"缺少第 {number} 组记录 bundle {number} is missing")
            self._plain, self._number = self._packer.open(*bodies[0]), number
        return self._plain

    def backwards(self, low: int, high: int) -> Iterator[Leaf]:
        """Index and leaf from below `high` down to `low`."""
        for index in range(high - 1, low - 1, -1):
            yield index, self.leaf(index)


def _sought(query: Query) -> Sought:
    tags = _EVERY
    if query.tag is not None:
        whole = not query.tag.endswith(_ANY)
        tags = (query.tag, query.tag) if whole else (query.tag[:-1], query.tag[:-1] + _LAST)
    named = [
        canonical_bytes(text) if text is not None else _IN_EVERY_LEAF
        for text in (query.patient, query.model)
    ]
    actors = _EVERY if query.actor is None else (query.actor, query.actor)
    return Sought(tags, actors, (named[0], named[1]))


def _bisect(low: int, high: int, older: Callable[[int], bool]) -> int:
    while low < high:
        middle = (low + high) // 2
        if older(middle):
            low = middle + 1
        else:
            high = middle
    return low
