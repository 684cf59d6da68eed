"""Where requests and receipts stand that no index knows yet, kept in memory by who searches.

An index of them in the database would be two pages more in every commit, each encrypted anew, for
entries that are closed and indexed within the hour. Who searches reads the columns of what has come
since the search before, and remembers eight bytes of each.
"""

from array import array
from collections.abc import Iterator
from itertools import chain
from typing import Final

from appliance.audit.errors import AuditTampered
from appliance.audit.store import AuditRows

_WIDTH: Final = 8
_ENTRY: Final = 2 * _WIDTH
"""Bytes for each entry: a hash of its request's number, and of its receipt's where that is another."""
_AT_ONCE: Final = 4096
_KIND: Final = 4
_NOBODY: Final = 0


class Recent:
    """The numbers of the open part of one log; used by one thread at a time."""

    def __init__(self) -> None:
        self._first = self._end = 0
        self._hashes = bytearray()

    def follow(self, rows: AuditRows, first: int, end: int) -> None:
        """Know the entries with first <= index < end, and no others.

        Args:
            rows: an open connection, inside a snapshot.
            first: the first entry that is not closed.
            end: the size of the log.

        Raises:
            AuditTampered: some of them are missing.
        """
        if not self._first <= first <= self._end <= end:
            self._first = self._end = first
            self._hashes.clear()
        del self._hashes[: (first - self._first) * _ENTRY]
        self._first = first
        while self._end < end:
            stop = min(end, self._end + _AT_ONCE)
            named = rows.named(self._end, stop)
            if len(named) != stop - self._end:
                at = self._end
                raise AuditTampered(reason=f"第 {at} 条之后缺少记录 entries are missing after {at}")
            self._hashes += array("q", chain.from_iterable(map(_pair, named))).tobytes()
            self._end = stop

    def holding(self, value: str, low: int, high: int) -> Iterator[int]:
        """The entries with low <= index < high that may name a request or receipt, newest first."""
        wanted = array("q", (_hash(value),)).tobytes()
        begin = max(0, low - self._first) * _ENTRY
        at = max(0, min(high, self._end) - self._first) * _ENTRY
        before = -1
        while (at := self._hashes.rfind(wanted, begin, at + _WIDTH - 1)) >= 0:
            index = self._first + at // _ENTRY
            if at % _WIDTH == 0 and index != before:
                before = index
                yield index


def _pair(named: tuple[str | None, str | None]) -> tuple[int, int]:
    request, receipt = (_NOBODY if one is None else _hash(one) for one in named)
    return request, _NOBODY if receipt == request else receipt


def _hash(value: str) -> int:
    """A receipt has its request's number, so both are found by it; whoever finds one compares."""
    return hash(value[_KIND:] or value)
