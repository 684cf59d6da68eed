"""`wardbox jobs`, `eval` and `model`: what is asked of the box, what is shown, how it ends."""

import argparse
import json
from datetime import UTC, datetime

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.commands import evaluate, jobs, model
from appliance.contract.job import Job, JobEvent, JobFault
from appliance.contract.problem import Problem
from tests.models.formats.build import gguf_bytes

NOW = datetime(2027, 1, 1, tzinfo=UTC)
REPORT = {
    "report": {
        "abilities": [
            {
                "ability": "B8",
                "name": {"zh": "医学计算", "en": "calculation\x1b[2J"},
                "cases": 10,
                "passed": {"count": 9, "share": 0.9, "low": 0.6, "high": 0.98},
            }
        ]
    },
    "report_digest": "ab" * 32,
}


def job(state="done", **changes):
    fields = {
        "id": "job_1", "kind": "evaluation", "state": state, "actor": "user:li\x1b[31m",
        "created": NOW, "started": NOW, "finished": None, "spec": {}, "progress": {"fraction": 0.5},
        "result": None, "fault": None,
    }  # fmt: skip
    return Job.model_validate({**fields, **changes})


class Box:
    """A session that answers without a box and notes what it was asked."""

    def __init__(self):
        self.asked = []
        self.end = "done"

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def jobs(self):
        fault = JobFault(code="a", sentence="内存不足。", way_out="b")
        return (job(), job("failed", fault=fault))

    async def job(self, job_id):
        return job(self.end, result=REPORT if self.end == "done" else None)

    async def cancel_job(self, job_id):
        self.asked.append(("cancel", job_id))
        return job("cancelled")

    async def resume_job(self, job_id):
        detail = {"code": "job.wrong-state", "detail": "不能继续。", "way_out": "查看。"}
        raise ProblemError(
            Problem.model_validate(
                {"type": "about:blank", "title": "t", "status": 409, "request_id": "r", **detail}
            )
        )

    async def submit_job(self, kind, spec):
        self.asked.append((kind, spec))
        return job("queued")

    async def evaluate(self, wish):
        self.asked.append(wish)
        return job("queued")

    async def job_events(self, job_id, after=0):
        told = [("queued", {}), ("progress", {"loss": 1.5, "fraction": 0.25}), (self.end, {})]
        for index, (event, data) in enumerate(told, 1):
            yield JobEvent(index=index, job=job_id, event=event, time=NOW, data=data)


@pytest.fixture
def box(monkeypatch):
    made = Box()
    monkeypatch.setattr(Session, "local", lambda socket: made)
    return made


def run(command, *words):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(words)
    args.environ = {"WARDBOX_STATE": "/nowhere"}
    return command.run(args)


def test_jobs_are_listed_without_steering_the_terminal(box, capsys):
    assert run(jobs, "jobs", "list") == 0
    told = capsys.readouterr().out
    assert "内存不足" in told
    assert "50%" in told
    assert "\x1b" not in told


def test_one_job_is_shown_and_cancelled(box, capsys):
    assert run(jobs, "jobs", "show", "job_1") == 0
    assert json.loads(capsys.readouterr().out)["id"] == "job_1"
    assert run(jobs, "jobs", "cancel", "job_1") == 0
    assert box.asked == [("cancel", "job_1")]


def test_a_refusal_is_a_sentence(box, capsys):
    assert run(jobs, "jobs", "resume", "job_1") == 1
    assert "不能继续" in capsys.readouterr().err


@pytest.mark.parametrize(("end", "status"), [("done", 0), ("failed", 1), ("cancelled", 1)])
def test_watching_tells_how_it_ended(box, end, status, capsys):
    box.end = end
    assert run(jobs, "jobs", "watch", "job_1") == status
    assert "[######..................] 25%" in capsys.readouterr().out


def test_training_sends_only_what_was_said(box):
    assert run(jobs, "jobs", "train", "mine", "--steps", "5") == 0
    assert box.asked == [("training", {"name": "mine", "steps": 5})]


def test_a_training_on_several_boxes_asks_for_them(box):
    assert run(jobs, "jobs", "train", "mine", "--boxes", "2") == 0
    assert run(jobs, "jobs", "train", "mine", "--boxes", "-1") == 0
    # What a number may be is the box's to say, in a sentence.
    assert [spec["boxes"] for _, spec in box.asked] == [2, -1]


@pytest.mark.parametrize("typed", ["two", "2.5", "", "٢", "1e3", "--2", "2\x1b[2J"])
def test_boxes_that_are_no_number_are_a_sentence(box, typed, capsys):
    with pytest.raises(SystemExit) as ended:
        run(jobs, "jobs", "train", "mine", f"--boxes={typed}")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "应为整数 a whole number is expected" in told
    assert "\x1b" not in told
    assert box.asked == []


def test_an_evaluation_ends_in_a_table(box, capsys):
    assert run(evaluate, "eval", "run", "--ability", "B8", "--limit", "10") == 0
    told = capsys.readouterr().out
    assert "9/10 = 90.00% [60.00%, 98.00%]" in told
    assert "\x1b" not in told
    assert box.asked[0].abilities == ("B8",)
    assert run(evaluate, "eval", "run", "--json") == 0
    assert json.loads(capsys.readouterr().out) == REPORT
    box.end = "failed"
    assert run(evaluate, "eval", "run") == 1


def test_a_nonsense_limit_is_refused(box, capsys):
    assert run(evaluate, "eval", "run", "--limit", "0") == 1
    assert capsys.readouterr().err


def test_files_are_inspected_without_a_box(tmp_path, capsys):
    good, bad = tmp_path / "good.gguf", tmp_path / "bad.gguf"
    good.write_bytes(gguf_bytes())
    bad.write_bytes(b"\x80\x04cos\nsystem\n")
    assert run(model, "model", "inspect", str(good)) == 0
    assert run(model, "model", "inspect", str(good), "--json") == 0
    assert run(model, "model", "inspect", str(bad)) == 1
    assert "拒绝" in capsys.readouterr().out
    assert run(model, "model", "inspect", str(bad), "--json") == 1
    assert json.loads(capsys.readouterr().out)["accepted"] is False
    assert run(model, "model", "inspect", str(tmp_path / "absent")) == 2
