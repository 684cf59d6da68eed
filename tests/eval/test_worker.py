"""The worker: a specification in, NDJSON out, against a real HTTP server on loopback."""

import asyncio
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from eval.abilities.register import ability
from eval.worker import main

ROOT = Path(__file__).resolve().parents[2]


class Model:
    """A server of chat completions that answers with what a function says."""

    def __init__(self, say):
        self.say = say
        self.asked = 0
        self.headers = []

    async def start(self):
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._answer)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def _answer(self, request):
        body = await request.json()
        self.asked += 1
        self.headers.append(request.headers.get("Authorization"))
        said = self.say(body)
        if isinstance(said, int):
            return web.Response(status=said)
        if asyncio.iscoroutine(said):
            said = await said
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": said}}]})


@pytest.fixture
async def model():
    made = []

    async def start(say):
        made.append(await Model(say).start())
        return made[-1]

    yield start
    for one in made:
        await one.runner.cleanup()


def keys():
    cases = list(ability("B8").cases(0))
    return {case.messages[0]["content"]: case.key["value"] for case in cases}


async def run_worker(specification):
    def work():
        sink = io.StringIO()
        process = subprocess.run(
            [sys.executable, "-m", "eval.worker"],
            input=json.dumps(specification) + "\n",
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        sink.write(process.stdout)
        assert "Traceback" not in process.stderr
        return process.returncode, [json.loads(line) for line in process.stdout.splitlines()]

    return await asyncio.to_thread(work)


async def test_a_model_that_knows_half_scores_half(model, tmp_path):
    known = keys()
    questions = list(known)

    def say(body):
        asked = body["messages"][0]["content"]
        value = known[asked] if questions.index(asked) % 2 else known[asked] * 3 + 7
        return f"{value:.3f}"

    server = await model(say)
    status, events = await run_worker(
        {
            "abilities": [{"id": "B8", "limit": 120}],
            "model": "m",
            "base_url": server.url,
            "token": "wb.secret",
            "out": str(tmp_path / "run"),
        }
    )
    assert status == 0
    report = events[-1]["result"]["abilities"][0]
    assert report["passed"]["count"] == 60
    assert report["passed"]["low"] < 0.5 < report["passed"]["high"]
    assert report["cases"] == 120
    assert report["distinct_facts"] == 12
    assert report["below_tender_size"] is True
    assert events[0]["event"] == "progress"
    assert events[0]["steps"] == 120
    assert set(server.headers) == {"Bearer wb.secret"}
    assert json.loads((tmp_path / "run/report.json").read_text()) == events[-1]["result"]
    assert "wb.secret" not in (tmp_path / "run/answers.ndjson").read_text()


@pytest.mark.slow
async def test_an_interrupted_run_goes_on_where_it_stopped(model, tmp_path):
    async def slow():
        await asyncio.sleep(0.02)
        return "1"

    server = await model(lambda body: slow())
    specification = {
        "abilities": ["B8"],
        "limit": 200,
        "model": "m",
        "base_url": server.url,
        "out": str(tmp_path),
        "concurrency": 2,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "eval.worker", stdin=-1, stdout=-1, cwd=ROOT
    )
    process.stdin.write(json.dumps(specification).encode() + b"\n")
    await process.stdin.drain()
    await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 75
    kept = len((tmp_path / "answers.ndjson").read_text().splitlines())
    assert 0 < kept < 200
    with (tmp_path / "answers.ndjson").open("a") as stream:
        stream.write('{"case": "B8-0-torn')
    before = server.asked
    status, events = await run_worker(specification)
    assert status == 0
    assert server.asked - before == 200 - kept
    assert events[-1]["result"]["abilities"][0]["cases"] == 200


async def test_one_refused_question_is_a_miss_not_an_end(model, tmp_path):
    known = keys()
    first = next(iter(known))

    def say(body):
        asked = body["messages"][0]["content"]
        return 500 if asked == first else f"{known[asked]:.3f}"

    server = await model(say)
    status, events = await run_worker(
        {
            "abilities": ["B8"],
            "limit": 24,
            "model": "m",
            "base_url": server.url,
            "out": str(tmp_path),
        }
    )
    assert status == 0
    report = events[-1]["result"]["abilities"][0]
    assert (report["passed"]["count"], report["unanswered"]) == (23, 1)


@pytest.mark.slow
async def test_a_dead_model_ends_the_run_with_a_sentence(tmp_path):
    status, events = await run_worker(
        {"abilities": ["B8"], "model": "m", "base_url": "http://127.0.0.1:9", "out": str(tmp_path)}
    )
    assert status == 1
    assert events[-1]["code"] == "eval.model-silent"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "[1]",
        "{}",
        '{"abilities": [], "model": "m", "out": "/tmp/x"}',
        '{"abilities": ["B8"], "model": "m"}',
        '{"abilities": ["B8"], "model": "m", "out": "/tmp/x", "module": "os"}',
        '{"abilities": [{"id": "B8", "limit": 0}], "model": "m", "out": "/tmp/x"}',
        '{"abilities": [{"id": "B8", "limit": true}], "model": "m", "out": "/tmp/x"}',
        '{"abilities": [7], "model": "m", "out": "/tmp/x"}',
        '{"abilities": ["../etc"], "model": "m", "out": "/tmp/x"}',
        "[" * 100_000,
    ],
)
def test_a_bad_specification_is_refused_in_a_sentence(line):
    sink = io.StringIO()
    assert main(io.StringIO(line + "\n"), sink) == 1
    (event,) = map(json.loads, sink.getvalue().splitlines())
    assert event["event"] == "error"
    assert event["sentence"]
    assert event["way_out"]
