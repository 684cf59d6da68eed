"""Training jobs: what may be asked for, and a result that is on the shelf before the job is done."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.catalogue.service import CatalogueService
from appliance.cluster.errors import NotMember, RaySilent
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import JobState
from appliance.jobs.migrations import MIGRATIONS
from appliance.jobs.service import JobService
from appliance.tuning.kind import TRAINING, Gang, Workshop
from appliance.tuning.spec import TuningSpec, read_spec
from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import rest
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card

FILE = "file-0123456789abcdef01234567"
TUNED = {"name": "x", "recipe": "adapter", "base": "m"}


@pytest.fixture
def audit():
    return RememberingAudit()


@pytest.fixture
def catalogue(tmp_path: Path, audit):
    signer = SigningKey.generate()
    clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
    shelf = Shelf(tmp_path / "shelf", clock=clock, trusted={signer.key_id: signer.verify_key})
    return CatalogueService(shelf, signer, audit, "wardbox-reference")


def free(_):
    return False


def test_a_whole_spec_and_its_defaults():
    assert read_spec({"name": "mine"}, free) == TuningSpec("mine")
    given = {"name": "mine", "steps": 10, "seed": 3, "minutes": 0.5, "records": 64, "threads": 2}
    rest = {"base": None, "rank": 16, "alpha": 32, "rate": 1.0}
    rest |= dict.fromkeys(("dataset", "epochs", "notes"))
    whole = {"recipe": "reference", "version": "1", "boxes": 1, **given, **rest}
    assert read_spec(given, free).to_json() == whole
    tuned = {"name": "mine", "recipe": "adapter", "base": "m", "rank": 4}
    assert read_spec(tuned, free) == TuningSpec("mine", "adapter", base="m", rank=4)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"name": ""},
        {"name": "../up"},
        {"name": "UPPER"},
        {"name": 5},
        {"name": "x", "recipe": "/etc/passwd"},
        {"name": "x", "recipe": {"a": 1}},
        {"name": "x", "recipe": []},
        {"name": "x", "out": "/tmp"},
        {"name": "x", "data": ["/etc/passwd"]},
        {"name": "x", "base": "/models"},
        {"name": "x", "directory": "/"},
        {"name": "x", "argv": ["sh"]},
        {"name": "x", "steps": 0},
        {"name": "x", "steps": True},
        {"name": "x", "steps": "5"},
        {"name": "x", "steps": 1.5},
        {"name": "x", "records": 10**9},
        {"name": "x", "minutes": float("nan")},
        {"name": "x", "minutes": float("inf")},
        {"name": "x", "threads": -1},
        {"name": "x", "seed": -1},
        {"name": "x", "version": "1\n2"},
        {"name": "x", "{0.__class__}": 1},
        {"name": "x", "recipe": "adapter"},
        {"name": "x", "recipe": "adapter", "base": "../up"},
        {"name": "x", "recipe": "adapter", "base": "m", "rank": 0},
        {"name": "x", "recipe": "reference", "base": "m"},
        {"name": "x", "boxes": 0},
        {"name": "x", "boxes": 65},
        {**TUNED, "boxes": 2},
        {"name": "x", "dataset": FILE, "epochs": 1},
        {**TUNED, "epochs": 1},
        {**TUNED, "dataset": FILE},
        {**TUNED, "dataset": FILE, "epochs": 0},
        {**TUNED, "dataset": FILE, "epochs": 101},
        {**TUNED, "dataset": "../../etc/passwd", "epochs": 1},
        {**TUNED, "dataset": 5, "epochs": 1},
        {**TUNED, "rate": 0},
        {**TUNED, "rate": float("nan")},
        {**TUNED, "notes": ["a"]},
        {**TUNED, "notes": {"a": 1}},
        {**TUNED, "notes": {"a": "x" * 513}},
        {**TUNED, "notes": {str(n): "x" for n in range(17)}},
    ],
)
def test_impossible_specs_are_refused(spec):
    with pytest.raises(JobSpecInvalid) as refusal:
        read_spec(spec, free)
    assert refusal.value.sentence


def test_a_taken_name_is_refused():
    with pytest.raises(JobSpecInvalid, match="shelf"):
        read_spec({"name": "x"}, lambda name: name == "x")


async def test_several_boxes_need_a_cluster_and_its_interpreter(catalogue, audit, tmp_path):
    workshop = Workshop(catalogue, audit, 1)
    check, wish = workshop.kind().check, {"name": "x", "boxes": 2}
    with pytest.raises(NotMember):
        check(wish)

    def silent(boxes):
        raise RaySilent

    workshop.use(Gang(tmp_path / "python", silent))
    with pytest.raises(RaySilent):
        check(wish)
    asked = []

    def env(boxes):
        asked.append(boxes)
        return {"RAY_ADDRESS": "10.20.0.1:6400"}

    workshop.use(Gang(tmp_path / "python", env))
    kind = workshop.kind()
    spec = kind.check(wish)
    assert asked == [2]
    job = SimpleNamespace(spec=spec, actor="user:it")
    assert kind.argv(job, tmp_path)[0] == str(tmp_path / "python")
    assert kind.spec(job, tmp_path)["ray"] == {"RAY_ADDRESS": "10.20.0.1:6400"}
    alone = SimpleNamespace(spec=kind.check({"name": "x"}), actor="user:it")
    assert kind.argv(alone, tmp_path)[0] == sys.executable
    assert "ray" not in kind.spec(alone, tmp_path)


def fake_training(tmp_path, result):
    """A worker that leaves a model file and tells the given result."""
    script = tmp_path / "trainer.py"
    script.write_text(
        "import json, sys, pathlib\n"
        "spec = json.loads(sys.stdin.readline())\n"
        f"pathlib.Path(spec['directory'], 'out.gguf').write_bytes({gguf_bytes()!r})\n"
        "print(json.dumps({'event': 'progress', 'loss': 1.5, 'fraction': 0.5}))\n"
        f"print(json.dumps({{'event': 'done', 'result': json.loads({json.dumps(result)!r})}}))\n"
    )
    return lambda job, directory: (sys.executable, "-P", str(script))


async def trained(tmp_path, audit, catalogue, monkeypatch, **changes):
    card = make_card(id="mine").to_json()
    result = {"gguf": "out.gguf", "card": card, "dataset": {"digest": "d" * 64}, "loss": 1.5}
    monkeypatch.setattr("appliance.tuning.kind._argv", fake_training(tmp_path, result | changes))
    db = open_db(tmp_path / "box.db", MIGRATIONS)
    kinds = {TRAINING: Workshop(catalogue, audit).kind()}
    service = JobService(db, audit, kinds, tmp_path / "jobs", HandClock())
    await service.start()
    try:
        job = await service.submit(TRAINING, {"name": "mine"}, "user:li")
        return await rest(service, job.id)
    finally:
        await service.close()
        await asyncio.to_thread(db.close)


async def test_the_result_is_on_the_shelf(tmp_path, audit, catalogue, monkeypatch):
    job = await trained(tmp_path, audit, catalogue, monkeypatch)
    assert job.state is JobState.DONE
    assert job.progress == {"loss": 1.5, "fraction": 0.5}
    assert job.result["model"] == "mine"
    assert job.result["digest"] == catalogue.verify("mine").digest
    assert audit.tags()[:5] == [
        "job:run:submit",
        "job:run:start",
        "model:shelf:admit",
        "tuning:run:finish",
        "job:run:finish",
    ]
    told = audit.events[3].details
    assert (told["dataset"], told["result"]) == ("d" * 64, job.result["digest"])


@pytest.mark.parametrize(
    "changes",
    [
        {"gguf": "/etc/passwd"},
        {"gguf": "../../box.db"},
        {"gguf": "absent.gguf"},
        {"gguf": None},
        {"card": {}},
        {"card": None},
        {"dataset": None},
    ],
)
async def test_bad_results_fail_the_job(tmp_path, audit, catalogue, monkeypatch, changes):
    job = await trained(tmp_path, audit, catalogue, monkeypatch, **changes)
    assert job.state is JobState.FAILED
    assert job.fault.sentence
    assert audit.tags()[-1] == "job:run:fail"


@pytest.mark.slow
async def test_the_real_worker_trains_resumes_and_shelves(tmp_path, audit, catalogue):
    db = open_db(tmp_path / "box.db", MIGRATIONS)
    kinds = {TRAINING: Workshop(catalogue, audit).kind()}
    spec = {"name": "tiny", "records": 200, "steps": 6, "minutes": 30.0, "seed": 5}
    try:
        service = JobService(db, audit, kinds, tmp_path / "jobs", HandClock())
        await service.start()
        job = await service.submit(TRAINING, spec, "user:li")
        async with asyncio.timeout(240):
            async for event in service.events(job.id):
                if event.data.get("phase") == "train":
                    break
        await service.close()
        assert service.get(job.id).state in {JobState.INTERRUPTED, JobState.DONE}
        again = JobService(db, audit, kinds, tmp_path / "jobs", HandClock())
        await again.start()
        async with asyncio.timeout(240):
            async for _ in again.events(job.id):
                pass
        done = again.get(job.id)
        await again.close()
        assert done.state is JobState.DONE, done.fault
        assert done.result["steps"] == 6
        assert len(done.result["dataset"]["digest"]) == 64
        assert catalogue.get("tiny").card.architecture == "qwen3"
    finally:
        db.close()
