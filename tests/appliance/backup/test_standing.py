"""When a target was last well, and what the alerts' rules say of it."""

import pytest

from appliance.api.backup_views import wrong_view
from appliance.backup.migrations import MIGRATIONS
from appliance.backup.standing import standing_of
from appliance.backup.store import BackupStore, KnownTarget, RunRecord
from appliance.db.database import Db

DAY = 86_400.0


class Room:
    """As much of the service as the views ask for."""

    def __init__(self, store: BackupStore) -> None:
        self._store = store

    def standing(self):
        return standing_of(self._store)


@pytest.fixture
def store(tmp_path):
    with Db(tmp_path / "box.db", bytes(32), MIGRATIONS) as db:
        yield BackupStore(db)


def wrong(store: BackupStore, now: float) -> list[str]:
    return [one.en for one in wrong_view(Room(store), now)]


def test_what_never_happened_is_as_old_as_the_target(store: BackupStore) -> None:
    assert wrong(store, 0) == ["There is no backup target: a broken disk takes everything."]
    store.add(KnownTarget("nas", "directory", "/srv", "", 100 * DAY))
    assert wrong(store, 101 * DAY) == []
    late, unchecked, undrilled = wrong(store, 141 * DAY)
    assert "nas is 41.0 days old" in late
    assert "41.0 days" in unchecked
    assert "rehearsed" in undrilled


def test_a_failure_does_not_count_as_a_backup_and_goes_with_the_next_good_one(
    store: BackupStore,
) -> None:
    store.add(KnownTarget("nas", "directory", "/srv", "", 0))
    store.note(RunRecord("nas", "create", 10 * DAY, True, 1, "ok"))
    store.note(
        RunRecord("nas", "create", 13 * DAY, False, None, "x", {"code": "backup.target-gone"})
    )
    (one,) = standing_of(store)
    assert (one.good["create"], one.failed) == (10 * DAY, "backup.target-gone")
    assert len(wrong(store, 13 * DAY)) == 2
    store.note(RunRecord("nas", "create", 13.1 * DAY, True, 2, "ok"))
    assert wrong(store, 13.2 * DAY) == []


def test_damage_is_told_until_a_check_finds_it_whole(store: BackupStore) -> None:
    store.add(KnownTarget("nas", "directory", "/srv", "", 0))
    store.note(RunRecord("nas", "create", DAY, True, 1, "ok"))
    store.note(RunRecord("nas", "verify", DAY, False, 1, "bad", {"damaged": 3, "whole": []}))
    assert wrong(store, DAY) == ["3 objects of the backup on nas are damaged."]
    # A check for which there was no disk tells nothing of the objects.
    store.note(
        RunRecord("nas", "verify", 1.1 * DAY, False, None, "x", {"code": "backup.wrong-disk"})
    )
    assert standing_of(store)[0].damaged == 3
    store.note(RunRecord("nas", "verify", 1.2 * DAY, True, 1, "ok", {"damaged": 0, "whole": [1]}))
    assert wrong(store, 1.3 * DAY) == []
