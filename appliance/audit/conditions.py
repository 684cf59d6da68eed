"""Conditions on closed entries, each met by the postings of some terms, and where all of them hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from appliance.audit.closed_store import ClosedRows
from appliance.audit.postings import Entries, both, either

Segment = tuple[int, Entries]
"""Number of a segment, and those of its entries that are meant."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The closed entries that meet one condition: any of its terms.

    Args:
        rows: the closed part.
        terms: terms of postings, or the number of a bucket.
        read: the entries that the body of such a posting tells.
    """

    rows: ClosedRows
    terms: Sequence[int]
    read: Callable[[bytes], Entries]

    def backwards(self, low: int) -> "_Cursor":
        """Go back to a segment, newest first."""
        return _Cursor([_Term(self, term, low) for term in self.terms])


class _Term:
    """The postings of one term, newest first, read a few at a time."""

    def __init__(self, group: Condition, term: int, low: int) -> None:
        self._group = group
        self._term = term
        self._low = low
        self._chunk: list[tuple[int, bytes]] = []
        self._at = 0
        self._last: Segment | None = None

    def seek(self, high: int) -> Segment | None:
        """The newest segment not above `high` that names the term; `high` never grows."""
        if self._last is not None and self._last[0] <= high:
            return self._last
        while True:
            while self._at < len(self._chunk):
                number, body = self._chunk[self._at]
                self._at += 1
                if number <= high and (entries := self._group.read(body)):
                    self._last = number, entries
                    return self._last
            if self._chunk:
                high = min(high, self._chunk[-1][0] - 1)
            if high < self._low:
                return None
            self._chunk = self._group.rows.postings(self._term, self._low, high)
            self._at = 0
            if not self._chunk:
                self._low = high + 1
                return None


class _Cursor:
    """The entries of any of a few terms, segment by segment, newest first."""

    def __init__(self, terms: Sequence[_Term]) -> None:
        self._terms = terms

    def seek(self, high: int) -> Segment | None:
        """The newest segment not above `high` that names one of the terms, and its entries."""
        found = [one for term in self._terms if (one := term.seek(high)) is not None]
        if not found:
            return None
        number = max(at for at, _ in found)
        return number, reduce(either, [entries for at, entries in found if at == number])


def together(groups: Sequence[Condition], low: int, high: int) -> Iterator[Segment]:
    """The segments, newest first, in which entries meet every condition."""
    cursors = [group.backwards(low) for group in groups]
    while high >= low:
        found: list[Segment] = []
        for cursor in cursors:
            one = cursor.seek(found[-1][0] if found else high)
            if one is None:
                return
            found.append(one)
        at = found[-1][0]
        if found[0][0] == at:
            yield at, reduce(both, [entries for _, entries in found])
            at -= 1
        # Else a later condition has nothing between; the others go on from where it has.
        high = at
