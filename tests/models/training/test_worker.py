"""The worker process: progress as lines, a sentence for every refusal, resumable on SIGTERM."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.training.errors import SpecMalformed
from models.training.job import parse_spec, spec_json
from models.training.worker import EXIT_FAILED, EXIT_INTERRUPTED, work
from tests.models.training.conftest import questions

ROOT = Path(__file__).parents[3]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "chats.jsonl"
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": answer},
                ]
            }
        )
        for question, answer in questions(3, 150)
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def spec(recipe, data, tmp_path):
    return {"recipe": recipe.as_dict(), "data": [str(data)], "out": str(tmp_path / "job")}


def start(spec):
    process = subprocess.Popen(
        [sys.executable, "-m", "models.training.worker"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(json.dumps(spec) + "\n")
    process.stdin.flush()
    return process


@pytest.mark.slow
def test_a_job_runs_is_interrupted_and_goes_on(spec, tmp_path):
    spec["recipe"]["schedule"]["steps"] = 60
    with start(spec) as process:
        seen = []
        for line in process.stdout:
            seen.append(json.loads(line))
            if seen[-1].get("step") == 3:
                process.send_signal(signal.SIGTERM)
        assert process.wait(60) == EXIT_INTERRUPTED, process.stderr.read()
    assert {event["event"] for event in seen} == {"progress"}
    reached = seen[-1]["step"]
    assert 3 <= reached < 60

    with start(spec) as process:
        output, errors = process.communicate(timeout=120)
    events = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0, errors
    assert events[0]["step"] == reached + 1
    assert events[-1]["event"] == "done"
    result = events[-1]["result"]
    assert Path(result["gguf"]).read_bytes()[:4] == b"GGUF"
    assert (Path(result["model_folder"]) / "model.safetensors").is_file()

    adapted = {
        "recipe": spec["recipe"] | {"adapter": {"rank": 4, "alpha": 8}, "name": "adapted"},
        "data": spec["data"],
        "out": str(tmp_path / "adapted"),
        "base": result["model_folder"],
    }
    adapted["recipe"]["schedule"] = adapted["recipe"]["schedule"] | {"steps": 4}
    out = io.BytesIO()
    assert work(io.BytesIO(json.dumps(adapted).encode() + b"\n"), out) == 0
    last = json.loads(out.getvalue().splitlines()[-1])
    assert Path(last["result"]["gguf"]).is_file()
    assert (tmp_path / "adapted" / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data": []}, "training.spec-malformed"),
        ({"data": ["/nowhere/chats.jsonl"]}, "training.corpus-malformed"),
        ({"recipe": {"name": "x", "wat": 1}}, "training.recipe-malformed"),
        ({"extra": 1}, "training.spec-malformed"),
        ({"file_type": "Q2"}, "training.spec-malformed"),
        ({"base": "/nowhere"}, "training.tokenizer-malformed"),
    ],
)
def test_a_wrong_spec_is_a_sentence_with_a_way_out(spec, change, code):
    out = io.BytesIO()
    line = json.dumps(spec | change).encode() + b"\n"
    assert work(io.BytesIO(line), out) == EXIT_FAILED
    event = json.loads(out.getvalue().splitlines()[-1])
    assert (event["event"], event["code"]) == ("error", code)
    assert event["sentence"]
    assert event["way_out"]


@pytest.mark.parametrize("line", [b"", b"{", b"[]\n", b"null\n", b"\xff\xfe\n", b"[" * 100_000])
def test_nonsense_on_stdin_is_a_sentence(line):
    out = io.BytesIO()
    assert work(io.BytesIO(line), out) == EXIT_FAILED
    assert json.loads(out.getvalue())["code"] == "training.spec-malformed"


def test_a_spec_comes_back_the_same(spec):
    parsed = parse_spec(spec)
    assert parse_spec(json.loads(spec_json(parsed))) == parsed


def test_an_adapter_needs_a_base(spec):
    spec["recipe"]["adapter"] = {"rank": 4}
    with pytest.raises(SpecMalformed):
        parse_spec(spec)


def test_the_worker_is_light_until_it_works():
    code = (
        "import models.training.worker, models.training.command, sys; print('torch' in sys.modules)"
    )
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert found.strip() == "False"
