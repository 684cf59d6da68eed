"""Evaluations: what may be asked for, the worker's spec, and reports whose digest the log has."""

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.examination.migrations import MIGRATIONS
from appliance.examination.service import EVALUATION, ExaminationService
from appliance.examination.store import report_text
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import JobState
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.service import JobService
from eval.abilities.register import MODULES
from models.errors import ModelUnknown
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.jobs.conftest import rest

REPORT = {"abilities": [{"ability": "B8", "名": "计算"}], "model": "small"}


class Shelf:
    """One model, "small"."""

    def default(self):
        return "small"

    def get(self, model_id):
        if model_id != "small":
            raise ModelUnknown(model_id=model_id)
        return SimpleNamespace(manifest=SimpleNamespace(digest="m" * 64))


@pytest.fixture
def audit():
    return RememberingAudit()


@pytest.fixture
def db(tmp_path: Path):
    opened = open_db(tmp_path / "box.db", JOBS, MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def service(db, audit, tmp_path):
    return ExaminationService(db, audit, Shelf(), tmp_path / "box.sock", HandClock())


def test_nothing_asked_means_everything(service):
    spec = service.kind().check({})
    assert spec == {"abilities": list(MODULES), "model": "small", "limit": None, "seed": 1}
    assert service.kind().check({"abilities": ["B8", "B8"], "limit": 5})["abilities"] == ["B8"]


@pytest.mark.parametrize(
    "spec",
    [
        {"abilities": ["B99"]},
        {"abilities": [5]},
        {"abilities": "B8"},
        {"abilities": [{"id": "B8"}]},
        {"abilities": ["B8"] * 100},
        {"limit": 0},
        {"limit": "5"},
        {"limit": True},
        {"seed": -1},
        {"seed": 2**40},
        {"model": 5},
        {"base_url": "http://evil"},
        {"socket": "/run/x"},
        {"out": "/etc"},
        {"token": "x"},
    ],
)
def test_impossible_specs_are_refused(service, spec):
    with pytest.raises(JobSpecInvalid):
        service.kind().check(spec)


def test_an_unknown_model_is_refused(service):
    with pytest.raises(ModelUnknown):
        service.kind().check({"model": "absent"})


async def run(service, db, audit, tmp_path, monkeypatch, script):
    path = tmp_path / "examiner.py"
    path.write_text(script)
    argv = lambda job, directory: (sys.executable, "-P", str(path))  # noqa: E731
    monkeypatch.setattr("appliance.examination.service._argv", argv)
    jobs = JobService(db, audit, {EVALUATION: service.kind()}, tmp_path / "jobs", HandClock())
    await jobs.start()
    try:
        job = await jobs.submit(EVALUATION, {"abilities": ["B8"], "limit": 3}, "user:li")
        return await rest(jobs, job.id)
    finally:
        await jobs.close()


async def test_a_report_is_kept_and_its_digest_recorded(service, db, audit, tmp_path, monkeypatch):
    script = (
        "import json, sys\n"
        "spec = json.loads(sys.stdin.readline())\n"
        "assert set(spec) == {'abilities', 'model', 'limit', 'seed', 'socket', 'out'}, spec\n"
        f"print(json.dumps({{'event': 'done', 'result': {REPORT!r}}}))\n"
    )
    job = await run(service, db, audit, tmp_path, monkeypatch, script)
    assert job.state is JobState.DONE, job.fault
    digest = hashlib.sha256(report_text(REPORT).encode()).hexdigest()
    assert job.result == {"report_digest": digest, "model_digest": "m" * 64, "report": REPORT}
    stored = service.reports()
    assert [(one.job_id, one.digest, one.report) for one in stored] == [(job.id, digest, REPORT)]
    event = next(event for event in audit.events if event.tag == "evaluation:run:finish")
    assert event.details == {"model": "m" * 64, "report": digest}


@pytest.mark.slow
async def test_a_real_worker_tells_that_no_model_answers(service, db, audit, tmp_path):
    jobs = JobService(db, audit, {EVALUATION: service.kind()}, tmp_path / "jobs", HandClock())
    await jobs.start()
    try:
        job = await jobs.submit(EVALUATION, {"abilities": ["B8"], "limit": 30}, "user:li")
        failed = await rest(jobs, job.id)
    finally:
        await jobs.close()
    assert failed.state is JobState.FAILED
    assert failed.fault.sentence
    assert failed.fault.code != "job.worker-died"
    assert json.dumps(service.reports()) == "[]"


def test_a_set_that_came_by_stick_is_known_with_the_next_job(service, tmp_path):
    with pytest.raises(JobSpecInvalid):
        service.kind().check({"abilities": ["ward-sums"]})
    here = {"ward-sums": tmp_path / "evaluations" / "ward-sums" / "1.0"}
    service.look_for_sets(lambda: here)
    spec = service.kind().check({"abilities": ["ward-sums", "B8"]})
    told = service.kind().spec(SimpleNamespace(spec=spec), tmp_path)
    assert told["sets"] == {"ward-sums": str(here["ward-sums"] / "files")}
    here.clear()
    assert "sets" not in service.kind().spec(SimpleNamespace(spec=spec), tmp_path)
