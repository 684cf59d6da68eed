"""A release on trial, as the box sees it: the door, the database that comes back, the log that does not."""

import asyncio
import json
from pathlib import Path

import pytest

from appliance.commands.holding import open_door
from appliance.db.copying import copy_closed, outstanding
from appliance.db.database import Db, Migration
from appliance.db.errors import DbError, DbMigrationUnknown
from appliance.settings.layout import StateLayout
from appliance.updates.trial import MOVES, on_trial, place_of, read_trial, settle, snapshot_of

KEY = bytes(range(32))
TRIAL = "0123456789abcdef"
OLD_STEPS = (Migration("room.1-first", lambda db: db.execute("CREATE TABLE rows (x)")),)
NEW_STEPS = (
    *OLD_STEPS,
    Migration("room.2-more", lambda db: db.execute("ALTER TABLE rows ADD COLUMN y")),
)


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    made = StateLayout(tmp_path / "s")
    made.vault.mkdir(parents=True)
    for name in ("old", "new"):
        (made.software / "releases" / name).mkdir(parents=True)
    return made


def house(layout: StateLayout, name: str) -> Path:
    return layout.software / "releases" / name


def journal(layout: StateLayout, state: str, **changes: object) -> None:
    record = {
        "format": "wardbox-apply-v1",
        "id": TRIAL,
        "state": state,
        "old": str(house(layout, "old")),
        "new": str(house(layout, "new")),
        **changes,
    }
    (layout.software / "journal.json").write_text(json.dumps(record))


def rows(layout: StateLayout, steps: tuple[Migration, ...]) -> list[int]:
    with Db(layout.box_db, KEY, steps) as db, db.read() as reading:
        return [row["x"] for row in reading["rows"].rows]


def write(layout: StateLayout, steps: tuple[Migration, ...], value: int) -> None:
    with Db(layout.box_db, KEY, steps) as db, db.write() as tx:
        tx.execute("INSERT INTO rows (x) VALUES (?)", [value])


def tried(layout: StateLayout) -> None:
    """What lies there when a release was tried and given up: its tables, and rows of its own."""
    write(layout, OLD_STEPS, 1)
    copy_closed(layout.box_db, KEY, snapshot_of(layout, TRIAL))
    write(layout, NEW_STEPS, 2)
    with pytest.raises(DbMigrationUnknown):
        rows(layout, OLD_STEPS)


def test_the_release_before_finds_its_database_again_once(layout: StateLayout) -> None:
    tried(layout)
    journal(layout, "reverting")
    assert settle(layout, layout.software, house(layout, "old")) == TRIAL
    assert rows(layout, OLD_STEPS) == [1]
    write(layout, OLD_STEPS, 3)
    for state in ("reverting", "reverted"):
        journal(layout, state)
        assert settle(layout, layout.software, house(layout, "old")) is None
    assert rows(layout, OLD_STEPS) == [1, 3]


def test_a_log_of_the_other_release_never_meets_the_old_database(layout: StateLayout) -> None:
    tried(layout)
    layout.box_db.with_name("box.db-wal").write_bytes(b"left by a process that was killed")
    journal(layout, "reverted")
    settle(layout, layout.software, house(layout, "old"))
    assert not layout.box_db.with_name("box.db-wal").exists()
    assert rows(layout, OLD_STEPS) == [1]


@pytest.mark.parametrize("state", sorted(set(MOVES) - {"reverting", "reverted"}))
@pytest.mark.parametrize("who", ["old", "new"])
def test_nothing_comes_back_in_another_state(layout: StateLayout, state: str, who: str) -> None:
    tried(layout)
    journal(layout, state)
    assert settle(layout, layout.software, house(layout, who)) is None
    assert rows(layout, NEW_STEPS) == [1, 2]
    kept = snapshot_of(layout, TRIAL).exists()
    assert kept == (state not in {"blessed", "refused"})


def test_the_release_that_was_given_up_puts_nothing_back(layout: StateLayout) -> None:
    tried(layout)
    journal(layout, "reverting")
    assert settle(layout, layout.software, house(layout, "new")) is None
    assert snapshot_of(layout, TRIAL).exists()


@pytest.mark.parametrize(
    "raw", ["", "[]", "{}", "null", "x", '{"format": "wardbox-apply-v1", "state": "flipped"}']
)
def test_a_journal_that_is_none_says_nothing(layout: StateLayout, raw: str) -> None:
    (layout.software / "journal.json").write_text(raw)
    assert read_trial(layout.software) is None
    assert not on_trial(layout.software, house(layout, "new"))


@pytest.mark.parametrize("state", sorted(MOVES))
def test_who_is_on_trial(layout: StateLayout, state: str) -> None:
    journal(layout, state)
    assert not on_trial(layout.software, house(layout, "old"))
    expected = state not in {"healthy", "blessed"}
    assert on_trial(layout.software, house(layout, "new")) == expected


def test_an_id_that_is_a_path_is_none(layout: StateLayout) -> None:
    journal(layout, "reverted", id="../../../etc/pass")
    assert read_trial(layout.software) is None


def test_the_place_may_be_another(layout: StateLayout, tmp_path: Path) -> None:
    assert place_of(layout, {}) == layout.root / "software"
    assert place_of(layout, {"WARDBOX_PLACE": str(tmp_path / "opt")}) == tmp_path / "opt"


async def test_the_door_opens_when_the_release_was_found_healthy(layout: StateLayout) -> None:
    journal(layout, "flipped")
    opened, stopping = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        opened.set()

    new = house(layout, "new")
    door = asyncio.create_task(open_door(layout.software, new, stopping, serve))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(opened.wait(), 0.3)
    journal(layout, "healthy")
    await asyncio.wait_for(opened.wait(), 30)
    await door


async def test_a_box_that_stops_on_trial_never_opens_its_door(layout: StateLayout) -> None:
    journal(layout, "flipped")
    stopping = asyncio.Event()
    served: list[int] = []

    async def serve() -> None:
        served.append(1)

    door = open_door(layout.software, house(layout, "new"), stopping, serve)
    task = asyncio.create_task(door)
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(task, 30)
    assert served == []


def test_a_copy_is_whole_or_not_there(layout: StateLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    write(layout, OLD_STEPS, 1)
    copy = snapshot_of(layout, TRIAL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as tight:
        tight.setattr("appliance.db.copying.shutil.copyfileobj", full)
        with pytest.raises(DbError):
            copy_closed(layout.box_db, KEY, copy)
    assert list(layout.trial.iterdir()) == []
    copy_closed(layout.box_db, KEY, copy)
    assert outstanding(copy, KEY, NEW_STEPS) == (("room.2-more",), ())
    assert outstanding(copy, KEY, ()) == ((), ("room.1-first",))


def test_a_database_that_is_in_use_is_not_copied(layout: StateLayout) -> None:
    write(layout, OLD_STEPS, 1)
    with Db(layout.box_db, KEY, OLD_STEPS) as db, db.read() as reading:
        list(reading["rows"].rows)
        with pytest.raises(DbError):
            copy_closed(layout.box_db, KEY, snapshot_of(layout, TRIAL))
