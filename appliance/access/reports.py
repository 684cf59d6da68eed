"""What was used: sums for people who pay or watch, and the whole table for their spreadsheets."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Final

from appliance.access.errors import UsageRangeInvalid
from appliance.access.grants import Grant, UsageRow, UsageSum
from appliance.access.ground import Ground
from appliance.audit.events_access import usage_export

COLUMNS: Final = (
    "day",
    "hour",
    "owner",
    "key_id",
    "key_name",
    "actor",
    "model",
    "requests",
    "prompt_tokens",
    "completion_tokens",
)
MAX_SPAN_S: Final = 10 * 366 * 86_400
_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
# A spreadsheet runs a cell that begins like this; in Chinese settings full-width forms count too.
_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠|%")


class Reports:
    """Metered use, read.

    Args:
        ground: The collaborators.
        flush: Writes what was counted in the last second.
    """

    def __init__(self, ground: Ground, flush: Callable[[], None]) -> None:
        self._ground = ground
        self._flush = flush

    def rows(self, since: float, until: float) -> list[UsageRow]:
        """Return the metered use of the hours that start in [since, until), Unix seconds."""
        self._flush()
        return self._ground.stores.usage.usage(int(since), int(until))

    def sums(self, by: str, since: float | None, until: float | None) -> list[UsageSum]:
        """Return the use of [since, until) added up by "key", "user", "model" or "day".

        Raises:
            UsageRangeInvalid: `until` is not after `since`.
        """
        first, last = self.range(since, until)
        self._flush()
        offset = self._ground.rules.calendar.offset_s
        return list(self._ground.stores.usage.sums(by, first, last, offset))

    def range(self, since: float | None, until: float | None) -> tuple[int, int]:
        """Return whole hours around [since, until): this month so far when left out."""
        now = self._ground.clock()
        first = self._ground.rules.calendar.month(now)[0] if since is None else int(since)
        last = int(now) + 1 if until is None else int(until)
        if not first < last or last - first > MAX_SPAN_S or first < 0:
            raise UsageRangeInvalid(
                reason_zh="from 须早于 to,且相隔不超过十年",
                reason_en="from must lie before to, at most ten years",
            )
        return first // _HOUR_S * _HOUR_S, last

    def export(self, since: float | None, until: float | None, by: Grant) -> Iterator[bytes]:
        """Yield the hourly rows as CSV (RFC 4180) in UTF-8 with a byte order mark, day by day.

        The export is on the audit record before the first byte.
        """
        first, last = self.range(since, until)
        self._flush()
        self._ground.record(usage_export(by.actor, since=first, until=last))
        return self._lines(first, last)

    def _lines(self, first: int, last: int) -> Iterator[bytes]:
        yield b"\xef\xbb\xbf" + _line(COLUMNS)
        earliest = self._ground.stores.usage.earliest()
        start = last if earliest is None else max(first, earliest)
        while start < last:
            end = min(start + _DAY_S, last)
            rows = self._ground.stores.usage.usage(start, end)
            if rows:
                yield b"".join(map(self._row, rows))
            start = end

    def _row(self, row: UsageRow) -> bytes:
        calendar = self._ground.rules.calendar
        return _line(
            (
                calendar.date(row.hour),
                calendar.time(row.hour),
                row.owner,
                row.key_id,
                row.key_name,
                row.actor,
                row.model,
                str(row.requests),
                str(row.prompt_tokens),
                str(row.completion_tokens),
            )
        )


def _line(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_inert(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what begins like one."""
    return "'" + cell if cell.lstrip(" \u3000")[:1] in _FORMULA and cell.strip() else cell
