"""An adapter from its training to its first answer: a job, the registry, approval, the real engine."""

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import JobState
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.service import JobService
from appliance.tuning.kind import TRAINING, Workshop
from models.planning.reservations import HOST, Reservations
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import rest
from tests.appliance.tuning.test_chats import line
from tests.appliance.tuning.test_sealed_chats import Box

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model/wardbox-reference.gguf"
WHO, BOSS = "user:it", "user:head"
WISH = {
    "name": "eye", "recipe": "adapter", "base": "a", "records": 32, "steps": 6, "rank": 4,
    "alpha": 64,
}  # fmt: skip


@pytest.fixture
def chats(tmp_path):
    """Callers' files, sealed as the box has them."""
    (tmp_path / "chats").mkdir()
    box = Box(tmp_path / "chats")
    yield box
    box.db.close()


@pytest.fixture
async def jobs(rooms, chats, tmp_path):
    """Jobs that train on model "a", which is the reference model."""
    rooms.shelf.folder = tmp_path
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    shutil.copyfile(REFERENCE, tmp_path / "a.gguf")
    audit = RememberingAudit()
    catalogue = SimpleNamespace(get=rooms.shelf.get, audit=audit)
    workshop = Workshop(catalogue, audit, 1, rooms.serving.adapters, chats.files)
    db = open_db(tmp_path / "jobs.db", JOBS)
    service = JobService(db, audit, {TRAINING: workshop.kind()}, tmp_path / "jobs", HandClock())
    await service.start()
    yield service
    await service.close()
    await asyncio.to_thread(db.close)


async def likely(upstream) -> list[float]:
    """How likely the engine holds its first tokens to be."""
    wish = {"model": upstream.model, "prompt": "患者", "max_tokens": 8, "temperature": 0,
            "logprobs": 1}  # fmt: skip
    body = msgspec.json.encode(wish)[:-1] + upstream.tail + b"}"
    upstream.enter()
    try:
        exchange = await upstream.pool.ask("/v1/completions", body)
        whole = await exchange.whole()
        assert exchange.status == 200, whole
    finally:
        upstream.leave()
    told = msgspec.json.decode(whole)["choices"][0]["logprobs"]
    return [round(one["logprob"], 3) for one in told["content"]]


@pytest.mark.slow
async def test_a_trained_adapter_is_registered_approved_loaded_and_answers(rooms, jobs, real_maker):
    serving, adapters = rooms.serving, rooms.serving.adapters
    serving.residency._maker = serving.residency._room._maker = real_maker
    job = await jobs.submit(TRAINING, WISH, WHO)
    done = await rest(jobs, job.id)
    assert done.state is JobState.DONE, done
    one = adapters.get("eye")
    assert (one.state, one.base, one.registered_by) == ("registered", "a", WHO)
    assert done.result["digest"] == one.digest
    assert done.result["steps"] == 6
    assert serving.ready("eye") is None
    await adapters.approve("eye", BOSS)
    await adapters.load("eye", WHO, serving.residency)
    await adapters.promote("eye", "notes", WHO, serving.deployments)
    await serving.residency.ready("a", None)
    tuned, plain = serving.ready("notes"), serving.ready("a")
    assert (tuned.adapter_digest, plain.adapter_digest) == (one.digest, None)
    assert await likely(tuned) != await likely(plain)


@pytest.mark.slow
async def test_an_adapter_learns_what_stands_in_a_file(rooms, jobs, chats):
    serving, adapters = rooms.serving, rooms.serving.adapters
    turns = [{"role": "user", "content": "患者"}, {"role": "assistant", "content": "右眼白内障。"}]
    file = chats.sent(line({"messages": turns}) * 40, WHO)
    wish = {"name": "ft-eye-1", "recipe": "adapter", "base": "a", "rank": 4, "minutes": 0.0,
            "dataset": file.id, "epochs": 3, "notes": {"ward": "3"}}  # fmt: skip
    done = await rest(jobs, (await jobs.submit(TRAINING, wish, WHO)).id)
    assert done.state is JobState.DONE, done
    assert done.result["adapter"] == "ft-eye-1"
    # Forty short chats are one batch: three passes are three steps.
    assert done.result["steps"] == done.result["recipe"]["schedule"]["steps"] == 3
    assert done.result["dataset"]["file"] == wish["dataset"]
    await adapters.approve("ft-eye-1", BOSS)
    # The name that the training gave is a name that a deployment may have.
    await adapters.load("ft-eye-1", WHO, serving.residency)
    await adapters.promote("ft-eye-1", "ft-eye-1", WHO, serving.deployments)
    assert serving.deployments.get("ft-eye-1").targets[0].adapter == "ft-eye-1"


async def test_what_cannot_be_trained_on_is_refused(rooms, jobs):
    for change in ({"base": "nobody"}, {"base": None}, {"recipe": "reference"}, {"rank": 0}):
        with pytest.raises(JobSpecInvalid):
            await jobs.submit(TRAINING, WISH | change, WHO)
    (rooms.shelf.folder / "b.gguf").mkdir()
    with pytest.raises(JobSpecInvalid, match="GGUF"):
        await jobs.submit(TRAINING, WISH | {"base": "b"}, WHO)
