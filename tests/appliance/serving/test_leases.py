"""Leases: windows, who yields to whom, jobs that wait, yield and go on, books after a restart."""

import asyncio
import sys
from pathlib import Path

import pytest

from appliance.jobs.job import JobKind, JobState
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.service import JobService
from appliance.serving.errors import LeaseOutsideWindow, LeaseRefused, WindowMalformed
from appliance.serving.job_desk import JobDesk, Need
from appliance.serving.lease import LeaseOffice
from appliance.serving.window import Window
from models.errors import DoesNotFit
from models.hardware.facts import CpuFacts, Hardware, HostMemory
from models.planning.reservations import HOST, USABLE, Reservations
from tests.appliance.access.doubles import open_db
from tests.appliance.serving.fakes import until

WORKER = Path(__file__).parents[1] / "jobs" / "fake_worker.py"


@pytest.mark.parametrize(
    "text", ["", "24:00-01:00", "22:00", "9:00-10:00", "22:00-22:00", "x" * 99]
)
def test_hours_that_are_none_are_refused(text):
    with pytest.raises(WindowMalformed):
        Window.parse(text)


def test_hours_may_span_midnight():
    night = Window.parse("22:00-06:00")
    assert [night.holds(hour * 60) for hour in (21, 22, 0, 5, 6, 12)] == [
        False, True, True, True, False, False,
    ]  # fmt: skip
    assert night.minutes_until(21 * 60) == 60
    assert night.minutes_until(23 * 60) == 0
    assert str(night) == "22:00-06:00"


async def test_what_strangers_took_since_is_not_lent(rooms):
    free = [1000]

    def look():
        cpu = CpuFacts("x", 4, 4, frozenset(), 1, 0.0)
        return Hardware(cpu, HostMemory(free[0], free[0]))

    whole = Reservations.of(look())
    first = whole.capacity[HOST]
    office = LeaseOffice(whole, rooms.store, rooms.log, rooms.clock, lambda _: 0, look)
    engine = await office.take("a", "serve", {HOST: first // 2})
    free[0] = 500 - 200  # the engine is in memory, and a stranger has 200
    with pytest.raises(LeaseRefused):
        await office.take("job_1", "train", {HOST: first // 2})
    assert office.reserved.free(HOST) == round(300 * USABLE)
    free[0] = 0  # everything is gone: what was lent stays lent
    await office.observe()
    assert (office.reserved.free(HOST), office.reserved.taken(HOST)) == (0, first // 2)
    free[0] = 1000  # the stranger has left, and the engine's weights are only mapped
    job = await office.take("job_1", "train", {HOST: first // 2})
    assert office.reserved.capacity[HOST] == first
    for lease in (job, engine):
        await office.release(lease)


async def test_a_model_is_placed_within_what_strangers_left(rooms):
    bare = Hardware(CpuFacts("x", 4, 4, frozenset(), 1, 0.0), HostMemory(20, 20))
    rooms.office._look = lambda: bare
    with pytest.raises(DoesNotFit):
        await rooms.serving.residency.ready("a", None)
    rooms.office._look = None


async def test_training_has_its_hours_and_yields_when_they_end(rooms):
    office = rooms.office
    await office.set_window("train", Window.parse("22:00-06:00"), "user:it")
    rooms.minute = 12 * 60
    with pytest.raises(LeaseOutsideWindow) as told:
        await office.take("job_1", "train", {HOST: 10})
    assert told.value.facts["retry_after_s"] == 10 * 3600
    rooms.minute = 23 * 60
    asked = []
    lease = await office.take("job_1", "train", {HOST: 10}, lambda: asked.append(1))
    await office.tick()
    assert not asked
    rooms.minute = 6 * 60
    await office.tick()
    await office.tick()
    assert asked == [1]
    assert office.leases()[0].yielding
    await office.release(lease)
    again = LeaseOffice(office.reserved, rooms.store, rooms.log, rooms.clock, lambda _: 0)
    await again.start()
    assert str(again.windows()["train"]) == "22:00-06:00"
    assert rooms.log.tags("lease") == [
        "lease:window:set",
        "lease:hold:take",
        "lease:hold:yield",
        "lease:hold:release",
    ]


async def test_what_a_killed_box_had_lent_is_ended_at_the_next_start(rooms):
    await rooms.office.take("job_1", "train", {HOST: 10})
    again = LeaseOffice(Reservations({HOST: 100}), rooms.store, rooms.log, rooms.clock, lambda _: 0)
    await again.start()
    (row,) = await again.past(10)
    assert (row.holder, row.claim, row.ended) == ("job_1", {HOST: 10}, rooms.clock())
    assert again.leases() == ()
    await rooms.office.release(rooms.office.leases()[0])


async def test_more_than_there_is_is_refused_and_names_who_holds_it(rooms):
    lease = await rooms.office.take("job_1", "evaluate", {HOST: 90, "cores": 4})
    with pytest.raises(LeaseRefused) as told:
        await rooms.office.take("job_2", "train", {HOST: 20})
    assert "job_1" in told.value.sentence
    with pytest.raises(LeaseRefused):
        await rooms.office.take("job_2", "train", {"cores": 1})
    await rooms.office.release(lease)
    await rooms.office.release(lease)
    assert rooms.held() == 0


async def test_training_yields_before_evaluation_and_nobody_to_its_like(rooms):
    train = await rooms.office.take("job_1", "train", {HOST: 10}, lambda: None)
    examine = await rooms.office.take("job_2", "evaluate", {HOST: 10}, lambda: None)
    assert [one.holder for one in rooms.office.willing("serve")] == ["job_1", "job_2"]
    assert [one.holder for one in rooms.office.willing("evaluate")] == ["job_1"]
    assert rooms.office.willing("train") == ()
    for lease in (train, examine):
        await rooms.office.release(lease)


@pytest.fixture
async def working(rooms, tmp_path):
    """Jobs of a real job service that take 80 of 100 bytes each."""
    db = open_db(tmp_path / "jobs.db", JOBS)
    argv = (sys.executable, "-P", str(WORKER), "slow")
    kind = JobKind("training", lambda *_: argv, resumable=True, silence_s=30.0)
    jobs = JobService(db, rooms.log, {"training": kind}, tmp_path / "jobs", rooms.clock)
    jobs.borrow_from(JobDesk(rooms.office, {"training": Need("train", {HOST: 160})}))
    await jobs.start()
    yield jobs
    await jobs.close()
    db.close()


async def test_a_job_yields_to_a_model_and_goes_on_when_there_is_room(rooms, working):
    rooms.shelf.sizes["m"] = 70
    job = await working.submit("training", {}, "user:it")
    await until(lambda: working.get(job.id).progress is not None)
    assert rooms.office.leases()[0].claim == {HOST: 50}  # never more than half the machine
    loading = asyncio.create_task(rooms.serving.load("m", "user:it"))
    await until(lambda: rooms.loaded() == {"m"}, 60)
    await loading
    await until(lambda: working.get(job.id).state is JobState.QUEUED)
    await rooms.serving.unload("m", "user:it")
    await until(lambda: working.get(job.id).state is JobState.RUNNING, 60)
    assert working.get(job.id).attempts == 2
    await working.cancel(job.id, "user:it")
    await until(lambda: not rooms.office.leases(), 60)


async def test_a_job_without_room_waits_in_the_queue(rooms, working):
    await rooms.serving.upstream("m")
    job = await working.submit("training", {}, "user:it")
    await asyncio.sleep(0.1)
    assert working.get(job.id).state is JobState.QUEUED
    await rooms.serving.unload("m", "user:it")
    await until(lambda: working.get(job.id).state is JobState.RUNNING, 60)
