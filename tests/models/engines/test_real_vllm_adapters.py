"""Adapters of the real vLLM, taken on and let go while it answers, through the box's own registry."""

import asyncio
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from appliance.serving.engine_maker import EngineMaker
from appliance.serving.errors import AdapterRefused
from appliance.serving.hot_adapters import swap
from appliance.serving.residency import Residency
from appliance.serving.resident import Habits
from models.capacity import Wish
from models.engines.process import ProcessKeeper
from models.hardware.detect import detect_hardware
from models.planning.reservations import Reservations
from tests.appliance.serving.fakes import Rooms
from tests.models.engines.safetensors_form import write_safetensors_form
from tests.models.engines.test_real_vllm import (  # the environment is a fixture of it
    REFERENCE,
    family,
    python,  # noqa: F401
)

pytestmark = pytest.mark.slow
WHO = "user:it"


def write_peft(base: Path, folder: Path, *, seed: int, rank: int = 4, **config) -> Path:
    """A LoRA of random matrices on the queries of every layer, as peft saves it."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, weight in load_file(base / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            module = "base_model.model." + name.removesuffix(".weight")
            out, into = weight.shape
            tensors[f"{module}.lora_A.weight"] = rng.normal(size=(rank, into)).astype("float32")
            tensors[f"{module}.lora_B.weight"] = rng.normal(size=(out, rank)).astype("float32")
    save_file(tensors, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["q_proj"], **config}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    return folder


@pytest.fixture
async def served(python, tmp_path):  # noqa: F811
    """A serving room whose model "m" is the reference model as safetensors, run by vLLM."""
    rooms = Rooms(tmp_path, 1 << 34, m=1 << 20)
    base = write_safetensors_form(REFERENCE, tmp_path / "m.gguf")
    rooms.shelf.folder = tmp_path
    site = SimpleNamespace(environments=lambda: {"vllm-cpu": python}, declared=tuple)
    hardware = detect_hardware()
    maker = EngineMaker(
        servers=(),
        runtime=tmp_path / "run",
        hardware=hardware,
        wish=Wish(1024, 2, "cpu"),
        threads=2,
        keeper=ProcessKeeper(),
        site=site,
    )
    rooms.office.reserved = Reservations.of(hardware)
    serving = rooms.serving
    habits = Habits(adapters=serving.adapters.live, adapter_room=serving.adapters.room)
    serving.residency = Residency(rooms.shelf, maker, rooms.office, habits, rooms.clock)
    yield rooms, base
    await serving.close()
    rooms.db.close()


async def words(upstream) -> str:
    """What is written, greedily, under the name that the engine knows."""
    wish = {
        "model": upstream.asked_for,
        "messages": [{"role": "user", "content": "患者女,65岁,右眼视物模糊"}],
        "max_tokens": 24,
        "temperature": 0,
    }
    upstream.enter()
    try:
        exchange = await upstream.pool.ask("/v1/chat/completions", msgspec.json.encode(wish))
        whole = await exchange.whole()
        assert exchange.status == 200, whole
    finally:
        upstream.leave()
    return json.loads(whole)["choices"][0]["message"]["content"]


async def test_adapters_come_and_go_while_vllm_answers(served, tmp_path) -> None:
    rooms, base = served
    serving, residency = rooms.serving, rooms.serving.residency
    adapters = serving.adapters
    for seed, name in enumerate(("first", "second")):
        await adapters.register(name, "m", write_peft(base, tmp_path / name, seed=seed), WHO)
        await adapters.approve(name, WHO)
    one = await residency.ready("m", 400)
    pid = one.supervisor.status().pid
    plain = one.offer(None, serving.traffic)
    bare = await words(plain)
    answering = asyncio.create_task(words(plain))
    await adapters.load("first", WHO, residency)
    await adapters.load("second", WHO, residency)
    assert await answering == bare
    # The same process, the same connections; each adapter answers in its own way.
    assert residency.residents["m"] is one
    assert (one.supervisor.status().pid, one.offer(None, serving.traffic).pool) == (pid, plain.pool)
    said = {name: await words(one.offer(name, serving.traffic)) for name in ("first", "second")}
    assert len({bare, *said.values()}) == 3
    digests = {one.offer(name, serving.traffic).adapter_digest for name in said}
    assert digests == {adapters.get(name).digest for name in said}
    assert await words(one.offer(None, serving.traffic)) == bare
    # A life later it has both again.
    core = next(child for name, child in family(pid).items() if "EngineCor" in name)
    os.kill(core, signal.SIGKILL)
    async with asyncio.timeout(120):
        while one.supervisor.status().restarts == 0:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)
    await one.supervisor.ensure_ready(400)
    assert one.supervisor.status().pid != pid
    async with asyncio.timeout(60):
        while one.offer("first", serving.traffic) is None:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)
    assert await words(one.offer("first", serving.traffic)) == said["first"]
    # One goes, the other stays; what the engine does not take changes nothing.
    await adapters.remove("first", WHO, residency, serving.deployments)
    assert one.offer("first", serving.traffic) is None
    assert await words(one.offer("second", serving.traffic)) == said["second"]
    damaged = adapters.live("m")[0]
    (damaged.path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(AdapterRefused):
        await swap(one, adapters.live("m"))
    assert await words(one.offer("second", serving.traffic)) == said["second"]
