"""Updates over the box's own API: planned, applied as a job, cancelled, overridden by two, taken back."""

import argparse
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.commands import update as command
from appliance.contract.access import UserWish
from appliance.contract.people import ApprovalWish
from appliance.contract.update import RollbackWish
from appliance.jobs.service import JobService
from appliance.services.updating import LiveEngines, Updating
from appliance.updates.fetcher import Stick
from appliance.updates.inventory import bundle_id
from appliance.updates.staging import Staging
from appliance.updates.work import UPDATE, UpdateJobs
from tests.appliance.api.box import live_box
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW
from tests.models.formats.build import gguf_bytes

PASSWORD = "a long password of ours"


@asynccontextmanager
async def opened(tmp_path, box: Box):
    """A live box whose updates are those of a box with a shelf and a trusted vendor."""
    folder = tmp_path / "live"
    folder.mkdir()
    async with live_box(folder) as live:
        jobs = UpdateJobs(box.updates)
        licence = SimpleNamespace(recipient=lambda: "age1qqq")
        engines = LiveEngines(live.services.serving)
        updating = Updating(jobs, box.packs, engines, licence, lambda _: False)
        desk = JobService(
            live.services.db, live.log, {UPDATE: jobs.kind()}, folder / "jobs", time.time
        )
        await desk.start()
        live.front.services = replace(live.front.services, updates=updating, jobs=desk)
        try:
            yield live
        finally:
            await desk.close()


@pytest.fixture
async def live(tmp_path, box):
    async with opened(tmp_path, box) as made:
        yield made


@pytest.fixture
async def session(live):
    async with Session.local(live.socket) as made:
        yield made


async def ended(session: Session, job_id: str):
    phases = [
        event.data.get("phase")
        async for event in session.job_events(job_id)
        if event.event == "progress"
    ]
    return await session.job(job_id), phases


async def test_a_stick_is_planned_applied_followed_and_taken_back(
    live, session, box, stick, yard, tmp_path
):
    plan = await session.updates.plan(str(stick))
    assert [(one.id, one.what, one.live) for one in plan.changes] == [("demo-1", "new", True)]
    assert (plan.pace.copying.known, plan.pace.making.known) == ("assumed", "assumed")
    assert (plan.left, plan.log_steps) == (plan.copies, ())
    job, phases = await ended(session, (await session.updates.apply(str(stick))).id)
    assert (job.state, job.result["state"]) == ("done", "applied")
    assert {"copy", "assemble", "judge", "place", "switch"} <= set(phases)
    yard.add(version="2.0", model=gguf_bytes(fill=b"\1"))
    box.now += timedelta(hours=1)
    newer = yard.build(tmp_path / "newer", box.now)
    job, _ = await ended(session, (await session.updates.verify(str(newer))).id)
    assert job.result["state"] == "verified"
    await ended(session, (await session.updates.apply(str(newer))).id)
    status = await session.updates.status()
    assert [(one.id, one.version, one.previous) for one in status.installed] == [
        ("demo-1", "2.0", "1.0")
    ]
    assert status.trust.threshold == 2
    wish = RollbackWish(kind="models", id="demo-1")
    job, _ = await ended(session, (await session.updates.rollback(wish)).id)
    assert job.result["state"] == "rolled-back"
    states = [one.state for one in (await session.updates.list()).updates]
    assert states[:3] == ["rolled-back", "applied", "verified"]
    assert live.entries("job:run:submit")


async def test_a_refusal_is_a_job_that_failed_with_a_way_out(session, box, stick):
    (stick / "metadata" / "timestamp.json").write_bytes(b"x")
    before = box.state()
    job, _ = await ended(session, (await session.updates.apply(str(stick))).id)
    assert job.state == "failed"
    assert job.fault.code == "update.metadata-refused"
    assert job.fault.way_out
    with pytest.raises(ProblemError) as caught:
        await session.updates.plan(str(stick))
    assert caught.value.code == "update.metadata-refused"
    with pytest.raises(ProblemError) as caught:
        await session.updates.plan("/nowhere\0/x")
    assert caught.value.code == "update.bundle-missing"
    assert box.state() == before


async def test_a_cancelled_update_changes_nothing_and_can_go_on(session, box, stick, monkeypatch):
    reached, go = threading.Event(), threading.Event()
    assemble = Staging.assemble

    def held(self, package, into, progress=None, *more):
        reached.set()
        go.wait(60)
        assemble(self, package, into, progress, *more)

    monkeypatch.setattr(Staging, "assemble", held)
    before = box.state()
    asked = await session.updates.apply(str(stick))
    while not reached.is_set():
        await session.updates.list()
    assert (await session.updates.status()).job == asked.id
    with pytest.raises(ProblemError) as caught:
        await session.updates.plan(str(stick))
    assert caught.value.code == "update.busy"
    await session.cancel_job(asked.id)
    go.set()
    job, _ = await ended(session, asked.id)
    assert job.state == "cancelled"
    assert box.state() == before
    assert box.updates.list() == ()
    monkeypatch.undo()
    job, _ = await ended(session, (await session.updates.apply(str(stick))).id)
    assert job.state == "done"


async def test_a_box_that_stops_goes_on_with_its_update_when_it_is_back(
    live, session, box, stick, tmp_path, monkeypatch
):
    reached, go = threading.Event(), threading.Event()
    assemble = Staging.assemble

    def held(self, package, into, progress=None, *more):
        reached.set()
        go.wait(60)
        assemble(self, package, into, progress, *more)

    monkeypatch.setattr(Staging, "assemble", held)
    asked = await session.updates.apply(str(stick))
    while not reached.is_set():
        await session.updates.list()
    desk = live.front.services.jobs
    threading.Timer(0.2, go.set).start()
    await desk.close()
    monkeypatch.undo()
    assert box.models() == []
    again = JobService(
        live.services.db,
        live.log,
        {UPDATE: UpdateJobs(box.updates).kind()},
        tmp_path / "live" / "jobs",
        time.time,
    )
    await again.start()
    live.front.services = replace(live.front.services, jobs=again)
    job, _ = await ended(session, asked.id)
    assert job.state == "done"
    assert box.models() == [("demo-1", "1.0")]
    await again.close()


async def test_a_folder_is_named_on_the_box_alone(live, stick):
    body = {"directory": str(stick)}
    for path in ("plan", "verify", "apply"):
        url = f"{live.url}/api/v1/updates/{path}"
        async with live.http.post(url, json=body, headers=live.bearer) as answer:
            assert answer.status == 403
            assert (await answer.json())["code"] == "access.local-only"
    for path in ("rollback", "health", "plan"):
        url = f"{live.url}/api/v1/updates/{path}"
        async with live.http.post(url, json={}, headers=live.make_key("chat")) as answer:
            assert answer.status == 403


async def test_two_people_take_an_expired_stick_and_one_cannot(live, box, stick):
    box.now = NOW + timedelta(days=401)
    with Stick(stick) as medium:
        bundle = bundle_id(medium)
    async with Session.local(live.socket) as local, Session.local(live.socket) as ann:
        for name in ("ann", "bob"):
            await local.create_user(UserWish(name=name, password=PASSWORD, role="administrator"))
        await ann.sign_in("ann", PASSWORD)
        async with Session.local(live.socket) as bob:
            await bob.sign_in("bob", PASSWORD)
            wish = ApprovalWish(action="update.take-expired", subject=bundle, reason="air gap")
            asked = await ann.access.request(wish)
            with pytest.raises(ProblemError):
                await ann.updates.apply(str(stick), asked.id)
            with pytest.raises(ProblemError):
                await ann.updates.plan(str(stick), asked.id)
            await bob.access.approval_does(asked.id, "approve")
        assert (await ann.updates.plan(str(stick), asked.id)).overridden
        with pytest.raises(ProblemError) as caught:
            await local.updates.apply(str(stick), asked.id)
        assert caught.value.code == "access.person-needed"
        job, _ = await ended(ann, (await ann.updates.apply(str(stick), asked.id)).id)
        assert job.state == "done"
        with pytest.raises(ProblemError) as caught:
            await ann.updates.apply(str(stick), asked.id)
        assert caught.value.code == "access.approval-refused"
    (told,) = [one for one in box.audit.events if one.tag == "update:bundle:override"][-1:]
    assert told.details["people"] == ["user:ann", "user:bob"]


async def test_the_command_tells_a_plan_its_progress_and_a_refusal(session, stick, capsys):
    def words(what: str, **more) -> argparse.Namespace:
        given = {"json": False, "directory": stick, "approval": None, "person": None}
        return argparse.Namespace(what=what, **{**given, **more})

    assert await command._plan(session, words("plan")) == 0
    assert "models/demo-1  - → 1.0  新增 new" in capsys.readouterr().out
    assert await command._read(session, words("apply")) == 0
    said = capsys.readouterr()
    assert "applied  demo-1 1.0" in said.out
    assert "复制 copy" in said.err
    assert await command._status(session, words("status")) == 0
    assert "models/demo-1 1.0" in capsys.readouterr().out
    assert await command._rollback(session, words("rollback", kind="models", id="demo-1")) == 1
    assert "update.nothing-before" in capsys.readouterr().err
    assert await command._history(session, words("history")) == 0
    assert "已应用 applied" in capsys.readouterr().out
