"""Space: levels with patience, the log's reserve, quotas of areas, jobs that wait and stop."""

import shutil

import pytest

from appliance.services.space_gate import Growth, SpaceGate, SpaceWatch
from appliance.settings.storage import StorageSettings
from appliance.vault.errors import AreaFull, SpaceLow
from appliance.vault.space import AREAS, Level, Space, SpaceKeeper, judge

GIB = 1 << 30
RULES = StorageSettings(log_reserve_mib=8)


class Disk:
    """A disk of 100 GiB that is as full as a test wants."""

    def __init__(self, free=50 * GIB):
        self.free = free

    def __call__(self, path):
        return 100 * GIB, self.free


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def keeper(layout, disk):
    for folder in (layout.shelf, layout.jobs_dir, layout.exports, layout.uploads):
        folder.mkdir(parents=True)
    return SpaceKeeper(layout, RULES, disk)


@pytest.mark.parametrize(
    ("free", "before", "level"),
    [
        (50, Level.OK, Level.OK),
        (10, Level.OK, Level.OK),
        (9.9, Level.OK, Level.LOW),
        (11, Level.LOW, Level.LOW),
        (12, Level.LOW, Level.OK),
        (3.9, Level.LOW, Level.CRITICAL),
        (5, Level.CRITICAL, Level.CRITICAL),
        (6, Level.CRITICAL, Level.LOW),
        (0.05, Level.OK, Level.RESERVE),
        (5, Level.RESERVE, Level.RESERVE),
        (6, Level.RESERVE, Level.LOW),
        (50, Level.RESERVE, Level.OK),
    ],
)
def test_a_level_ends_above_where_it_began(free, before, level):
    assert judge(100 * GIB, int(free * GIB), before, RULES) is level


def test_an_unreadable_disk_is_no_reason_to_divide_by_nothing():
    assert judge(0, 0, Level.OK, RULES) is Level.RESERVE


def test_the_log_gets_its_reserve_when_the_disk_is_full(keeper, disk, layout):
    keeper.look()
    assert layout.log_reserve.stat().st_size == 8 << 20
    assert layout.log_reserve.stat().st_blocks * 512 >= 8 << 20
    assert keeper.now.reserve == 8 << 20
    disk.free = 3 * GIB
    keeper.look()
    assert layout.log_reserve.exists()
    disk.free = 1 << 20
    keeper.look()
    assert not layout.log_reserve.exists()
    disk.free = 50 * GIB
    keeper.look()
    assert layout.log_reserve.exists()


def test_no_reserve_is_taken_from_a_disk_that_has_no_room(layout, keeper, disk):
    disk.free = 12 << 20
    keeper.look()
    assert not layout.log_reserve.exists()


def test_areas_are_measured_and_held_to_their_quotas(layout, disk):
    layout.shelf.mkdir(parents=True)
    layout.shelf.joinpath("model").write_bytes(bytes(1 << 20))
    layout.audit_db.write_bytes(bytes(4096))
    keeper = SpaceKeeper(layout, StorageSettings(shelf_gib=1, log_reserve_mib=0), disk)
    areas = {area.name: area for area in keeper.look().areas}
    assert tuple(areas) == AREAS
    assert areas["shelf"].used >= 1 << 20
    assert areas["audit"].used == 4096
    keeper.require("shelf", 100 << 20)
    with pytest.raises(AreaFull, match="shelf"):
        keeper.require("shelf", GIB)
    keeper.require("jobs", GIB)


def test_nothing_comes_in_while_the_disk_is_nearly_full(keeper, disk):
    keeper.look()
    with pytest.raises(SpaceLow):
        keeper.require("staging", 51 * GIB)
    disk.free = 3 * GIB
    keeper.look()
    with pytest.raises(SpaceLow, match=r"3\.0 GiB"):
        keeper.require("shelf")
    disk.free = 50 * GIB
    keeper.look()
    keeper.require("shelf")


def test_what_vanishes_while_it_is_measured_counts_not(keeper, layout):
    shutil.rmtree(layout.shelf)
    assert next(area for area in keeper.look().areas if area.name == "shelf").used == 0


class Lends:
    """Lends to everybody, and remembers."""

    def __init__(self):
        self.held = set()

    async def borrow(self, job_id, kind, on_yield):
        self.held.add(job_id)
        return True

    async def give_back(self, job_id):
        self.held.discard(job_id)

    def on_freed(self, listener):
        self.listener = listener


async def test_jobs_wait_while_the_disk_is_short_and_stop_before_it_is_full(keeper, disk):
    lends, said = Lends(), []
    gate = SpaceGate(lends, lambda: keeper.now)
    gate.on_freed(lambda: said.append("ask again"))
    watch = SpaceWatch(keeper, gate)
    await watch.look()
    assert await gate.borrow("a", None, lambda: said.append("a saves its work"))
    assert await gate.borrow("b", None, None)
    disk.free = 9 * GIB
    await watch.look()
    assert not await gate.borrow("c", None, None)
    assert lends.held == {"a", "b"}
    assert not said
    disk.free = 3 * GIB
    await watch.look()
    await watch.look()
    assert said == ["a saves its work"]
    await gate.give_back("a")
    disk.free = 50 * GIB
    await watch.look()
    assert said == ["a saves its work", "ask again"]
    assert await gate.borrow("c", None, None)


async def test_jobs_wait_while_their_own_area_is_full(layout, disk):
    space = Space(100 * GIB, 50 * GIB, 0, Level.OK)
    gate = SpaceGate(Lends(), lambda: space)
    assert await gate.borrow("a", None, None)
    layout.jobs_dir.mkdir(parents=True)
    layout.jobs_dir.joinpath("model").write_bytes(bytes(1 << 20))
    tight = StorageSettings(log_reserve_mib=0).model_copy(update={"jobs_gib": 1 / 1024})
    space = SpaceKeeper(layout, tight, disk).look()
    assert not await gate.borrow("b", None, None)


class Noted:
    def __init__(self):
        self.events = []

    async def record(self, event):
        self.events.append(event)


async def test_a_grown_volume_is_seen_at_once_and_on_record(keeper, disk):
    disk.free = 9 * GIB
    log = Noted()

    def enlarge():
        disk.free = 60 * GIB

    lends, said = Lends(), []
    gate = SpaceGate(lends, lambda: keeper.now)
    gate.on_freed(lambda: said.append("ask again"))
    watch = SpaceWatch(keeper, gate, Growth(enlarge, log))
    await watch.look()
    assert not await gate.borrow("a", None, None)
    space = await watch.grow("user:admin")
    assert space.level is Level.OK
    assert said == ["ask again"]
    assert [event.tag for event in log.events] == ["vault:volume:grow"]
