"""Imports as jobs: durable, resumable, cancellable, and on the shelf only when whole."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.catalogue.importing import IMPORT, Importer
from appliance.catalogue.service import CatalogueService
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import JobState
from appliance.jobs.migrations import MIGRATIONS
from appliance.jobs.service import JobService
from models.errors import CardMismatch, ModelExists, ModelUnknown
from models.formats.refusals import FileRefused
from models.registry.errors import SourceRefused
from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import rest
from tests.models.formats.build import gguf_bytes


class Desk:
    """A box's shelf, jobs and importer over one directory; `jobs()` is a restart."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.audit = RememberingAudit()
        signer = SigningKey.generate()
        clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
        trusted = {signer.key_id: signer.verify_key}
        self.shelf = Shelf(self.state / "shelf", clock=clock, trusted=trusted)
        self.catalogue = CatalogueService(self.shelf, signer, self.audit, "default")
        self.staging = self.state / "imports"
        self.importer = Importer(self.catalogue, self.staging, (self.state,))
        self.db = open_db(root / "box.db", MIGRATIONS)

    def jobs(self) -> JobService:
        kinds = {IMPORT: self.importer.kind()}
        jobs = JobService(self.db, self.audit, kinds, self.state / "jobs", HandClock())
        self.importer.follow(jobs.get)
        return jobs


@pytest.fixture
async def desk(tmp_path: Path):
    one = Desk(tmp_path)
    yield one
    one.db.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "stick" / "Demo.gguf"
    path.parent.mkdir()
    path.write_bytes(gguf_bytes())
    return path


async def test_a_model_comes_in_signed_verified_and_said_to_lack(desk: Desk, model: Path) -> None:
    model.with_name("Demo.gguf.card.json").write_text(json.dumps({"licence": "MIT"}))
    jobs = desk.jobs()
    await jobs.start()
    job = await jobs.submit(IMPORT, {"path": str(model)}, "user:li")
    done = await rest(jobs, job.id)
    assert done.state is JobState.DONE, done.fault
    assert done.result["model"] == "demo"
    assert "intended_use" in done.result["missing"]
    assert "licence" not in done.result["missing"]
    kept = desk.catalogue.get("demo")
    assert kept.card.licence == "MIT"
    assert desk.catalogue.verify("demo").digest == done.result["digest"]
    assert not list(desk.staging.iterdir())
    assert "model:shelf:admit" in desk.audit.tags()
    with pytest.raises(ModelExists):
        await jobs.submit(IMPORT, {"path": str(model)}, "user:li")
    await jobs.close()


async def test_bad_wishes_are_refused_before_there_is_a_job(desk: Desk, model: Path) -> None:
    jobs = desk.jobs()
    bad = model.with_name("bad.gguf")
    bad.write_bytes(gguf_bytes()[:-9])
    wishes = [
        ({}, JobSpecInvalid), ({"path": 5}, JobSpecInvalid), ({"path": "x"}, SourceRefused),
        ({"path": str(model), "id": "../up"}, JobSpecInvalid),
        ({"path": str(model), "argv": ["sh"]}, JobSpecInvalid),
        ({"path": str(desk.state / "shelf")}, SourceRefused), ({"path": str(bad)}, FileRefused),
    ]  # fmt: skip
    for wish, kind in wishes:
        with pytest.raises(kind):
            await jobs.submit(IMPORT, wish, "user:li")
    model.with_name("Demo.gguf.card.json").write_text(json.dumps({"parameters": 9}))
    with pytest.raises(CardMismatch):
        await jobs.submit(IMPORT, {"path": str(model)}, "user:li")
    assert jobs.list() == []


async def test_two_at_once_and_one_id_twice(desk: Desk, model: Path) -> None:
    other = model.with_name("other.gguf")
    other.write_bytes(gguf_bytes(fill=b"\1"))
    jobs = desk.jobs()
    first = await jobs.submit(IMPORT, {"path": str(model), "id": "one"}, "user:li")
    second = await jobs.submit(IMPORT, {"path": str(other), "id": "two"}, "user:wu")
    again = await jobs.submit(IMPORT, {"path": str(other), "id": "one"}, "user:wu")
    await jobs.start()
    ended = [await rest(jobs, job.id) for job in (first, second, again)]
    assert [job.state for job in ended] == [JobState.DONE, JobState.DONE, JobState.FAILED]
    assert ended[2].fault.code == "model.exists"
    assert {m.card.id for m in desk.catalogue.models()} == {"one", "two"}
    desk.importer.follow(jobs.get)  # the refused one can never be gone on with
    assert not list(desk.staging.iterdir())
    await jobs.close()


async def test_a_stick_pulled_out_can_be_put_back(desk: Desk, model: Path) -> None:
    jobs = desk.jobs()
    job = await jobs.submit(IMPORT, {"path": str(model)}, "user:li")
    away = model.parent.with_name("away")
    model.parent.rename(away)
    await jobs.start()
    failed = await rest(jobs, job.id)
    assert (failed.state, failed.resumable) == (JobState.FAILED, True)
    with pytest.raises(ModelUnknown):
        desk.catalogue.get("demo")
    away.rename(model.parent)
    await jobs.resume(job.id, "user:li")
    assert (await rest(jobs, job.id)).state is JobState.DONE
    await jobs.close()


async def test_what_a_cancelled_import_left_is_swept(desk: Desk, model: Path) -> None:
    big = model.with_name("slow.gguf")
    big.write_bytes(gguf_bytes())
    jobs = desk.jobs()
    job = await jobs.submit(IMPORT, {"path": str(big)}, "user:li")
    left = desk.staging / job.id / "files"
    left.mkdir(parents=True)
    (left / "slow.gguf").write_bytes(b"half")
    stranger = desk.staging / "job_0000000000000000"
    stranger.mkdir()
    desk.importer.follow(jobs.get)
    assert left.exists()
    assert not stranger.exists()
    await jobs.cancel(job.id, "user:li")
    again = desk.jobs()
    assert not (desk.staging / job.id).exists()
    assert again.get(job.id).state is JobState.CANCELLED
    assert desk.catalogue.models() == ()


async def test_a_box_that_stops_in_the_middle_goes_on(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "stick" / "many"
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(gguf_bytes())
    blob = os.urandom(1 << 20).hex().encode()
    for number in range(24):
        (folder / f"notes-{number}.txt").write_bytes(blob)
    jobs = desk.jobs()
    job = await jobs.submit(IMPORT, {"path": str(folder)}, "user:li")
    await jobs.start()
    journal = desk.staging / job.id / "carried.jsonl"
    async with asyncio.timeout(60):
        active = {JobState.QUEUED, JobState.RUNNING}
        while not journal.exists() and jobs.get(job.id).state in active:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    await jobs.close()
    stopped = jobs.get(job.id)
    assert stopped.state in {JobState.INTERRUPTED, JobState.DONE}, stopped.fault
    again = desk.jobs()
    await again.start()
    done = await rest(again, job.id)
    assert done.state is JobState.DONE, done.fault
    assert desk.catalogue.verify("many").size == sum(
        path.stat().st_size for path in folder.iterdir()
    )
    await again.close()
