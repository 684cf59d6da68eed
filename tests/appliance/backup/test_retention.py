"""Which snapshots stay: the last of each day, week and month, and never less than one good one."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.backup.errors import BackupDamaged
from appliance.backup.pruning import Pruning
from appliance.backup.retention import Retention, kept
from appliance.backup.snapshot import Snapshot
from appliance.backup.target import DirectoryTarget
from appliance.jobs.schedule import local_zone
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold

BLANK = Snapshot(1, 0, "", 0, 0, 0, 0, "", (), "")


def nights(count: int) -> list[Snapshot]:
    first = datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
    return [
        replace(BLANK, number=n + 1, time=int((first + timedelta(days=n)).timestamp()))
        for n in range(count)
    ]


def test_days_weeks_and_months() -> None:
    found = kept(nights(100), Retention(3, 2, 2), ())
    # 100 nights end on 10 April: three days, the last of this week and the one before, of April
    # and March.
    assert found == {100, 99, 98, 95, 90}


def test_the_newest_and_the_last_good_one_stay_whatever_the_rule() -> None:
    found = kept(nights(100), Retention(0, 0, 0), {7, 12})
    assert found == {100, 12}


def test_several_of_a_day_leave_the_last() -> None:
    day = [replace(BLANK, number=n, time=1_770_000_000 + n) for n in range(1, 5)]
    assert kept(day, Retention(5, 5, 5), ()) == {4}


def test_months_end_where_people_saw_them_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summer's nights are judged by summer's clock, also in winter."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        berlin = ZoneInfo("Europe/Berlin")
        days = ((9, 30), (10, 1), (10, 31))
        series = [
            replace(
                BLANK, number=n, time=int(datetime(2026, *day, 0, 15, tzinfo=berlin).timestamp())
            )
            for n, day in enumerate(days, 1)
        ]
        assert kept(series, Retention(0, 0, 2), (), local_zone()) == {1, 3}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_prune_frees_what_only_old_snapshots_needed(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    big = box.layout.caller_files / "big"
    for number in range(3):
        now[0] += 86_400
        big.write_bytes(bytes([number]) + now[0].hex().encode() * 30_000)
        (box.layout.shelf / "blobs" / "x").write_bytes(os.urandom(500_000))
        box.back_up(target)
    pruned = Pruning(box.repository_as_is(target), box.signer, untold).run({3})
    assert pruned.dropped == (1, 2)
    assert pruned.freed > 900_000
    assert [one.number for one in box.repository_as_is(target).list.snapshots] == [3]
    again = Pruning(box.repository_as_is(target), box.signer, untold).run({3})
    assert (again.dropped, again.freed) == ((), 0)


def test_nothing_is_forgotten_while_what_stays_is_not_whole(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    box.back_up(target)
    now[0] += 86_400
    (box.layout.shelf / "blobs" / "x").write_bytes(os.urandom(500_000))
    box.back_up(target)
    repository = box.repository_as_is(target)
    index = repository.index()
    entries = {one.path: one for one in repository.manifest(repository.snapshot(2), index)}
    ident = next(entries["vault/files/shelf/blobs/x"].ids())
    target.delete(f"packs/{index.find(ident).pack[:2]}/{index.find(ident).pack}")
    with pytest.raises(BackupDamaged):
        Pruning(repository, box.signer, untold).run({2})
    assert [one.number for one in box.repository_as_is(target).list.snapshots] == [1, 2]


def test_a_clock_that_fell_back_makes_no_snapshot_older(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    first = box.back_up(target)
    now[0] = 60.0
    second = box.back_up(target)
    assert second.time == first.time + 1
    assert (first.number, second.number) == (1, 2)
