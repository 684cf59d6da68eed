"""Jobs from submission to rest: order, events, cancelling, restarts and bad workers."""

import asyncio
import contextlib
import os

import pytest

from appliance.errors import AuditUnavailable
from appliance.jobs.errors import JobKindUnknown, JobMove, JobsFull, JobSpecInvalid, JobUnknown
from appliance.jobs.job import MOVES, JobState, may_move
from tests.appliance.jobs.conftest import kind, rest, until


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_a_job_runs_to_its_result(service, audit):
    job = await service.submit("count", {"seed": 7}, "user:li")
    assert (job.state, job.actor, job.attempts) == (JobState.QUEUED, "user:li", 0)
    done = await rest(service, job.id)
    assert done.state is JobState.DONE
    assert done.result["steps"] == 5
    assert done.result["spec"]["seed"] == 7
    assert done.progress == {"step": 5}
    assert done.attempts == 1
    assert not [name for name in done.result["env"] if name.startswith("WARDBOX")]
    assert "GOMP_SPINCOUNT" in done.result["env"]
    told = [event async for event in service.events(job.id)]
    assert [event.id for event in told] == sorted({event.id for event in told})
    assert [e.event for e in told if e.event != "progress"] == ["queued", "running", "done"]
    assert audit.tags() == ["job:run:submit", "job:run:start", "job:run:finish"]
    assert audit.events[0].actor == "user:li"


async def test_events_go_on_from_any_id(service):
    job = await service.submit("count", {}, "x")
    await rest(service, job.id)
    told = [event async for event in service.events(job.id)]
    for event in told:
        rest_of_it = [later async for later in service.events(job.id, event.id)]
        assert rest_of_it == [later for later in told if later.id > event.id]


async def test_many_watch_one_job(service):
    job = await service.submit("slow", {"steps": 10}, "x")

    async def watch():
        return [event.id async for event in service.events(job.id)]

    seen = await asyncio.gather(*(watch() for _ in range(5)))
    assert all(ids == seen[0] for ids in seen)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("error", "training.oom"),
        ("garbage", "job.worker-died"),
        ("flood", "job.worker-flood"),
        ("long", "job.worker-flood"),
        ("nothing", "job.worker-died"),
        ("crash", "job.worker-died"),
        ("hang", "job.worker-silent"),
        ("liar", "job.worker-died"),
        ("absent", "job.worker-unstartable"),
    ],
)
async def test_bad_workers_fail_with_a_sentence(service, audit, mode, code):
    job = await service.submit(mode, {}, "x")
    failed = await rest(service, job.id)
    assert failed.state is JobState.FAILED
    assert failed.fault.code == code
    assert failed.fault.sentence
    assert failed.fault.way_out
    assert audit.tags()[-1] == "job:run:fail"
    assert audit.events[-1].details["code"] == code
    good = await service.submit("count", {}, "x")
    assert (await rest(service, good.id)).state is JobState.DONE


@pytest.mark.parametrize("mode", ["noise", "linger", "deaf"])
async def test_odd_but_honest_workers_are_heard(service, mode):
    job = await service.submit(mode, {}, "x")
    assert (await rest(service, job.id)).state is JobState.DONE


async def test_cancelling_a_running_job(service, audit):
    job = await service.submit("slow", {}, "x")
    await until(service, job.id, "progress")
    await service.cancel(job.id, "user:boss")
    assert (await rest(service, job.id)).state is JobState.CANCELLED
    assert audit.tags()[-1] == "job:run:cancel"
    with pytest.raises(JobMove):
        await service.cancel(job.id, "x")
    with pytest.raises(JobMove):
        await service.resume(job.id, "x")


async def test_a_stubborn_worker_is_killed(service, monkeypatch):
    monkeypatch.setattr("appliance.jobs.run._STOP_GRACE_S", 0.3)
    job = await service.submit("stubborn", {}, "x")
    pid = (await until(service, job.id, "progress")).data["pid"]
    await service.cancel(job.id, "x")
    assert (await rest(service, job.id)).state is JobState.CANCELLED
    assert not alive(pid)


async def test_cancelling_a_waiting_job(service):
    first = await service.submit("slow", {}, "x")
    second = await service.submit("slow", {}, "x")
    cancelled = await service.cancel(second.id, "x")
    assert cancelled.state is JobState.CANCELLED
    assert cancelled.attempts == 0
    await service.cancel(first.id, "x")


async def test_priority_and_one_at_a_time(make):
    service = make(workers=4)
    first = await service.submit("slow", {"steps": 4}, "x")
    later = await service.submit("slow", {"steps": 1}, "x")
    urgent = await service.submit("urgent", {}, "x")
    other = await service.submit("other", {"steps": 1}, "x")
    await service.start()
    try:
        jobs = [await rest(service, job.id) for job in (first, later, urgent, other)]
    finally:
        await service.close()
    assert all(job.state is JobState.DONE for job in jobs)
    order = [e.subject for e in service._ledger._audit.events if e.tag == "job:run:start"]
    assert order.index(urgent.id) < order.index(first.id) < order.index(later.id)


async def test_stopping_the_box_interrupts_and_starting_resumes(make, audit):
    service = make()
    await service.start()
    job = await service.submit("slow", {"steps": 40}, "x")
    await until(service, job.id, "progress")
    await service.close()
    stopped = service.get(job.id)
    assert stopped.state is JobState.INTERRUPTED
    at = stopped.progress["step"]
    again = make()
    await again.start()
    done = await rest(again, job.id)
    told = [event async for event in again.events(job.id)]
    await again.close()
    assert done.state is JobState.DONE
    assert done.result["steps"] == 40
    steps = [event.data["step"] for event in told if event.event == "progress"]
    assert steps == sorted(steps)
    assert any(step > at for step in steps)
    assert "job:run:resume" in audit.tags()


async def test_a_killed_box_resumes_what_can_be_resumed(make):
    service = make()
    lasting = await service.submit("slow", {"steps": 2}, "x")
    brief = await service.submit("brief", {}, "x")
    for job in (lasting, brief):
        service._store.move(job.id, JobState.RUNNING, 0.0)
    again = make()
    await again.start()
    assert (await rest(again, lasting.id)).state is JobState.DONE
    gone = await rest(again, brief.id)
    await again.close()
    assert gone.state is JobState.FAILED
    assert gone.fault.code == "job.abandoned"


async def test_a_job_that_kills_the_box_waits_for_a_person(make):
    service = make()
    job = await service.submit("count", {}, "x")
    for _ in range(5):
        service._store.move(job.id, JobState.RUNNING, 0.0)
        if _ < 4:
            service._store.move(job.id, JobState.INTERRUPTED, 0.0)
            service._store.move(job.id, JobState.QUEUED, 0.0)
    again = make()
    await again.start()
    assert again.get(job.id).state is JobState.INTERRUPTED
    await again.resume(job.id, "user:boss")
    assert (await rest(again, job.id)).state is JobState.DONE
    await again.close()


async def test_a_failed_job_is_taken_up_again(service):
    job = await service.submit("crash", {}, "x")
    await rest(service, job.id)
    queued = await service.resume(job.id, "x")
    assert queued.state is JobState.QUEUED
    assert queued.fault is None
    assert (await rest(service, job.id)).attempts == 2


async def test_an_outcome_waits_for_the_log(service, audit, monkeypatch):
    monkeypatch.setattr("appliance.jobs.service._RETRY_S", 0.05)
    tries: list[str] = []
    full, whole = True, audit.append

    def append(event):
        audit.broken = full and event.tag == "job:run:finish"
        tries.extend([event.tag] * audit.broken)
        return whole(event)

    monkeypatch.setattr(audit, "append", append)
    job = await service.submit("count", {}, "x")
    while len(tries) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert service.get(job.id).state is JobState.RUNNING
    full = False
    assert (await rest(service, job.id)).state is JobState.DONE


async def test_nothing_is_queued_without_a_record(service, audit):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        await service.submit("count", {}, "x")
    audit.broken = False
    assert service.list() == []


async def test_what_breaks_in_the_finish_fails_the_job(make):
    async def broken(job, directory, result):
        raise KeyError("missing")

    service = make({"count": kind("count", finish=broken)})
    await service.start()
    job = await service.submit("count", {}, "x")
    failed = await rest(service, job.id)
    await service.close()
    assert failed.state is JobState.FAILED
    assert failed.fault.code == "job.worker-died"


async def test_impossible_submissions_are_refused(service, monkeypatch):
    with pytest.raises(JobKindUnknown):
        await service.submit("rm -rf /", {}, "x")
    with pytest.raises(JobSpecInvalid):
        await service.submit("count", {"x": "y" * 300_000}, "x")
    monkeypatch.setattr("appliance.jobs.ledger.MAX_QUEUED", 0)
    with pytest.raises(JobsFull):
        await service.submit("count", {}, "x")


@pytest.mark.parametrize("job_id", ["", "job_0", "../../etc/passwd", "' OR 1=1", "\x00"])
async def test_unknown_ids(service, job_id):
    with pytest.raises(JobUnknown):
        service.get(job_id)
    with pytest.raises(JobUnknown):
        await service.cancel(job_id, "x")
    with pytest.raises(JobUnknown):
        await service.resume(job_id, "x")
    with pytest.raises(JobUnknown):
        async for _ in service.events(job_id):
            pass


async def test_old_jobs_are_pruned_with_their_directories(service, clock, tmp_path):
    job = await service.submit("count", {}, "x")
    await rest(service, job.id)
    assert (tmp_path / "jobs" / job.id / "checkpoint").exists()
    clock.now += 1000
    await service.prune(500)
    assert service.list() == []
    assert not (tmp_path / "jobs" / job.id).exists()


async def test_progress_is_bounded_and_moves_are_kept(service, monkeypatch):
    monkeypatch.setattr("appliance.jobs.store.MAX_EVENTS", 5)
    job = await service.submit("count", {}, "x")
    await rest(service, job.id)
    for step in range(50):
        service._store.progress(job.id, 0.0, {"step": step})
    told = [event async for event in service.events(job.id)]
    assert len([event for event in told if event.event == "progress"]) == 5
    assert [e.event for e in told if e.event != "progress"] == ["queued", "running", "done"]


async def test_counts_and_lists(service):
    jobs = [await service.submit("count", {}, "x") for _ in range(3)]
    for job in jobs:
        await rest(service, job.id)
    assert service.counts()["done"] == 3
    assert [job.id for job in service.list(2)] == [jobs[2].id, jobs[1].id]
    assert service.list(kind="slow") == []


def test_the_table_of_moves():
    assert set(MOVES) == set(JobState)
    assert not MOVES[JobState.DONE]
    assert not MOVES[JobState.CANCELLED]
    assert may_move(JobState.RUNNING, JobState.INTERRUPTED)
    assert not may_move(JobState.DONE, JobState.RUNNING)
