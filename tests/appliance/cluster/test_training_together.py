"""One training on two boxes of a real Ray cluster: the same loss as one process, taken up where it stopped."""

import asyncio
import json
from pathlib import Path

import pytest

from appliance.tuning.spec import TuningSpec
from tests.appliance.cluster.test_two_nodes import (
    HEAD,
    MEMBER,
    Box,
    boxes,  # noqa: F401  # a fixture
    environment,
    free_base,
    run,
    until_alive,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

SCRIPT = """
import json, sys, numpy as np, ray, torch
from dataclasses import replace
from pathlib import Path
from models.training import model as decoders
from models.training.corpus import Corpus
from models.training.loop import Surroundings, train
from models.training.ray_run import Together
from models.training.recipe import Recipe, Schedule, Shape

address, own, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
ray.init(address=address, _node_ip_address=own, log_to_driver=False)
shape = Shape(vocabulary=64, width=32, layers=2, heads=2, kv_heads=1, head_dim=16, feed_forward=48, context=64)
recipe = Recipe(name="together", shape=shape, schedule=Schedule(steps=60, tokens_per_batch=256, warmup=2), seed=3,
                threads=1, checkpoint_every=4, precision="float32", device="cpu")
rng = np.random.default_rng(5)
lengths = rng.integers(8, 40, 90)
starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
tokens = rng.integers(1, 64, starts[-1]).astype(np.uint16)
corpus = Corpus(tokens, starts, (lengths // 2).astype(np.int64))

def fresh():
    return decoders.build(shape, seed=recipe.seed, eos=0, pad=0)

def losses(way, model, **more):
    told = []
    outcome = way(model, corpus, recipe, Surroundings(report=told.append, **more))
    return outcome, [one.loss for one in told]

alone, together = fresh(), fresh()
_, one = losses(train, alone)
outcome, two = losses(Together(2).train, together)
assert outcome.finished and outcome.step == 60, outcome
apart = max(float((a - b).abs().max()) for a, b in zip(alone.parameters(), together.parameters()))
# The same again, with a stop on the way.
kept, told, again = folder / "c", [], fresh()
first = Together(2).train(again, corpus, recipe, Surroundings(kept, told.append, lambda: len(told) >= 3))
assert not first.finished and 3 <= first.step < 60, first
second, rest = losses(Together(2).train, fresh(), checkpoints=kept)
assert second.finished
print("TOLD " + json.dumps({"one": one, "two": two, "apart": apart, "stopped": first.step, "rest": rest,
      "nodes": sorted(n["NodeManagerAddress"] for n in ray.nodes() if n["Alive"])}))
"""


async def test_two_boxes_train_as_one(boxes, tmp_path: Path) -> None:  # noqa: F811
    one, two = boxes
    base = free_base()
    await one.service.found(HEAD, "user:li", base)
    token = await one.service.invite(10, "user:li")
    await until_alive(one, 1)
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:li", base + 144)
    await until_alive(one, 2)
    script = tmp_path / "together.py"
    script.write_text(SCRIPT)
    words = (str(environment()), str(script), f"{HEAD}:{base}", HEAD, str(tmp_path))
    async with asyncio.timeout(400):
        code, said = await run(one, one.service.env(), *words)
    line = next((line for line in said.splitlines() if line.startswith("TOLD ")), None)
    assert (code, line is not None) == (0, True), said[-3000:]
    told = json.loads(line.removeprefix("TOLD "))
    assert told["nodes"] == [HEAD, MEMBER]
    assert told["two"] == pytest.approx(told["one"], abs=1e-4)
    assert told["apart"] < 1e-3
    assert told["two"][0] > told["two"][-1]
    assert told["rest"] == pytest.approx(told["one"][told["stopped"] :], abs=1e-4)
    await a_job_on_both(one, tmp_path)


async def a_job_on_both(one: Box, folder: Path) -> None:
    """The worker of a training job, as the box starts it, with `boxes` 2."""
    spec = TuningSpec("mine", boxes=2, steps=3, records=64, minutes=0)
    given = {**spec.to_json(), "directory": str(folder), "ray": one.service.env()}
    worker = await asyncio.create_subprocess_exec(
        *(str(environment()), "-P", "-m", "appliance.tuning.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    async with asyncio.timeout(300):
        said, faults = await worker.communicate(json.dumps(given).encode() + b"\n")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith(b"{")]
    assert worker.returncode == 0, (said[-1000:], faults[-3000:])
    assert any(line.get("phase") == "train" for line in lines)
    assert lines[-1]["event"] == "done"
    assert lines[-1]["result"]["steps"] == 3
    assert (folder / lines[-1]["result"]["gguf"]).stat().st_size > 1 << 20
