"""Which snapshots are kept: the last of each day, week and month, and never the last good one."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from appliance.backup.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Retention:
    """How many are kept.

    Args:
        daily: days of which the last snapshot is kept.
        weekly: ISO weeks.
        monthly: months.
    """

    daily: int = 14
    weekly: int = 8
    monthly: int = 12


def kept(
    snapshots: Iterable[Snapshot],
    rule: Retention,
    verified: Collection[int],
    zone: tzinfo = UTC,
) -> frozenset[int]:
    """The numbers of the snapshots to keep.

    The newest stays, and so does the newest that was verified whole: a series of backups that turn
    out to be damaged never pushes out the last good one.

    Args:
        snapshots: all of them.
        rule: how many.
        verified: numbers of those that were verified whole.
        zone: in which days begin.
    """
    newest_first = sorted(snapshots, key=lambda one: one.number, reverse=True)
    found = {one.number for one in newest_first[:1]}
    good = [one.number for one in newest_first if one.number in verified]
    found.update(good[:1])
    for count, name in ((rule.daily, _day), (rule.weekly, _week), (rule.monthly, _month)):
        found.update(_last_of_each(newest_first, name, count, zone))
    return frozenset(found)


def _last_of_each(
    newest_first: list[Snapshot],
    name: Callable[[datetime], tuple[int, ...]],
    count: int,
    zone: tzinfo,
) -> set[int]:
    chosen: dict[tuple[int, ...], int] = {}
    for one in newest_first:
        period = name(datetime.fromtimestamp(one.time, zone))
        if period not in chosen and len(chosen) < count:
            chosen[period] = one.number
    return set(chosen.values())


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day


def _week(moment: datetime) -> tuple[int, ...]:
    year, week, _ = moment.isocalendar()
    return year, week


def _month(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month
