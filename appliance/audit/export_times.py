"""The times of an export as people write them, and the entries that lie between them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from appliance.audit.errors import AuditTimeInvalid

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST: Final = timedelta(microseconds=1)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII
)
_EARLIEST, _LATEST = 1970, 9998


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, both included.

    Args:
        since: the first moment, None for the beginning of the log.
        until: the last moment, None for its end.
    """

    since: datetime | None = None
    until: datetime | None = None


def span_of(since: str | None, until: str | None, zone: tzinfo | None = None) -> Span:
    """Read the two times of an export.

    Args:
        since: a day (its first moment is meant) or a moment; None for no limit.
        until: a day (its last moment is meant) or a moment; None for no limit.
        zone: what a time without a zone is in; the machine's own zone when None.

    Raises:
        AuditTimeInvalid: a text is no such time, or the span ends before it begins.
    """
    span = Span(_moment("--from", since, zone, end=False), _moment("--to", until, zone, end=True))
    if span.since is not None and span.until is not None and span.until < span.since:
        raise AuditTimeInvalid(
            name="--to",
            text=until,
            reason_zh=f"它早于起始时间 {since}",
            reason_en=f"it is before the beginning, {since}",
        )
    return span


def microseconds_of(moment: datetime) -> int:
    """A moment as the log counts: microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _LEAST


def first_at(moment: int, time_of: Callable[[int], int], low: int, high: int) -> int:
    """The first entry of [low, high) that is not before a moment; high where all are.

    Times never run backwards along the log, so a few looks are enough.

    Args:
        moment: microseconds since 1970 UTC.
        time_of: the time of an entry.
        low: first index.
        high: index behind the last.
    """
    while low < high:
        middle = (low + high) // 2
        if time_of(middle) < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _moment(name: str, text: str | None, zone: tzinfo | None, *, end: bool) -> datetime | None:
    if text is None:
        return None
    told = text.strip()
    try:
        if _DAY.fullmatch(told):
            day = date.fromisoformat(told)
            found = datetime.combine(day, time.max if end else time.min)
        elif _MOMENT.fullmatch(told):
            found = datetime.fromisoformat(told.replace(",", "."))
        else:
            raise _invalid(name, text, "它不是日期或时间", "it is no day and no moment")
    except ValueError as error:
        raise _invalid(name, text, "日历上没有它", "no calendar has it") from error
    if not _EARLIEST <= found.year <= _LATEST:
        raise _invalid(name, text, "年份不可能", "its year is impossible")
    if found.tzinfo is None and zone is not None:
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC)  # what has no zone yet is in the machine's, summer time included


def _invalid(name: str, text: str, zh: str, en: str) -> AuditTimeInvalid:
    return AuditTimeInvalid(name=name, text=text[:60], reason_zh=zh, reason_en=en)
