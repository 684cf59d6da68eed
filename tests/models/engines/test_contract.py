"""What every engine must do under the supervisor: the real llama-server, a vLLM double, a site's own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.engines.declaration import read_declaration
from models.engines.declared import Declared
from models.engines.engine import Address, Engine, EngineSpec, Placement, ProbeRequest, Pulse
from models.engines.explain import HUNG
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import Limits, State
from models.engines.llama_cpp import LlamaCpp
from models.engines.probe import ProbeAnswer, ask, fault
from models.engines.vigil import counted_in
from models.engines.vllm import Vllm
from models.errors import EngineDraining, EngineFailed

DOUBLE = Path(__file__).with_name("engine_double.py")
QUICK = Limits(load_s=60, health_s=0.1, probe_s=20, backoff_s=0.05, grace_s=5, drain_s=20)
MARK = "MARKER患者"


class VllmDouble(Vllm):
    """vLLM's own command line and environment, handed to a double of its server."""

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        _, *rest = super().argv(spec)
        return (sys.executable, str(DOUBLE), *rest)


def declared() -> Declared:
    words = [sys.executable, str(DOUBLE), "--uds", "{uds}"]
    document = {"name": "own", "models": ["m"], "abilities": ["chat", "completions"], "argv": words,
                "metrics": "/metrics", "counters": ["vllm:generation_tokens_total"],
                "secret_env": "VLLM_API_KEY"}  # fmt: skip
    return Declared(read_declaration(json.dumps(document).encode()))


@pytest.fixture(params=["llama.cpp", "vllm", "declared"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "llama.cpp":
        return LlamaCpp(request.getfixturevalue("llama_server"))
    return VllmDouble(Path(sys.executable)) if request.param == "vllm" else declared()


@pytest.fixture
def spec(tiny_model: Path, tmp_path: Path) -> EngineSpec:
    place = Placement(threads=1, slots=2, context=256)
    return EngineSpec(
        "m", tiny_model, Address(uds=tmp_path / "e.sock"), "k-1", tmp_path / "r", place
    )


def told(spec: EngineSpec, **how: object) -> EngineSpec:
    """Tells the double how to behave, through a file beside the model."""
    spec.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (spec.runtime_dir / "behaviour.json").write_text(json.dumps(how))
    return spec


async def until(condition: Callable[[], bool]) -> bool:
    for _ in range(1500):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def completion(text: str) -> ProbeRequest:
    body = {"model": "m", "prompt": text, "max_tokens": 2}
    return ProbeRequest("POST", "/v1/completions", body, "choices")


async def test_it_comes_up_answers_and_ends(engine: Engine, spec: EngineSpec) -> None:
    supervisor = EngineSupervisor(engine, told(spec), limits=QUICK)
    address = await supervisor.ensure_ready(60)
    assert (await supervisor.deep_health()).ok
    answer = await ask(address, spec.secret, completion(MARK), timeout_s=20)
    assert not fault(answer, completion(MARK))
    assert (await ask(address, "wrong", completion(MARK), timeout_s=20)).status == 401
    remembered = "\n".join(supervisor.log_tail())
    assert "MARKER" not in remembered
    assert spec.secret not in remembered
    assert "chat" in supervisor.capabilities
    pid = supervisor.status().pid
    assert spec.secret.encode() not in command_line(pid)
    await supervisor.stop()
    with pytest.raises(OSError, match="No such"):
        command_line(pid)
    with pytest.raises(EngineDraining):
        supervisor.enter()


async def test_its_counters_move_with_its_work(engine: Engine, spec: EngineSpec) -> None:
    supervisor = EngineSupervisor(engine, told(spec), limits=Limits(health_s=600))
    address = await supervisor.ensure_ready(60)

    async def counted() -> float | None:
        request = ProbeRequest("GET", engine.pulse.path, {}, "")
        answer = await ask(address, spec.secret, request, timeout_s=20)
        return counted_in(answer.body, engine.pulse.counters)

    before = await counted()
    await ask(address, spec.secret, completion("a"), timeout_s=20)
    assert (await counted()) > before
    await supervisor.stop()


async def test_a_killed_one_comes_back(engine: Engine, spec: EngineSpec) -> None:
    supervisor = EngineSupervisor(engine, told(spec), limits=QUICK)
    await supervisor.ensure_ready(60)
    first = supervisor.status().pid
    os.kill(first, signal.SIGKILL)
    assert await until(lambda: supervisor.status().restarts >= 1)
    assert supervisor.status().failure.code == "killed"
    await supervisor.ensure_ready(60)
    assert supervisor.status().pid != first
    await supervisor.stop()


async def test_a_dead_one_is_not_ready_before_its_next_check(spec: EngineSpec) -> None:
    """From the moment the kernel tells of its end, nobody is sent there; it is up again by itself."""
    limits = Limits(health_s=600, backoff_s=0.05, grace_s=5)
    supervisor = EngineSupervisor(declared(), told(spec), limits=limits)
    await supervisor.ensure_ready(60)
    first = supervisor.status().pid
    os.kill(first, signal.SIGKILL)
    assert await until(lambda: supervisor.status().pid != first)
    assert supervisor.status().state is not State.READY
    assert supervisor.status().progress < 1
    # Who asks in this moment waits for the next life instead of being told of the last one.
    await asyncio.wait_for(supervisor.ensure_ready(), 60)
    assert (supervisor.status().restarts, supervisor.status().pid != first) == (1, True)
    await supervisor.stop()


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"hang": True}, HUNG.code),
        ({"garbage": True}, "unhealthy"),
        pytest.param({"half": True}, "unhealthy", marks=pytest.mark.slow),
        pytest.param({"no_token": True}, "unhealthy", marks=pytest.mark.slow),
    ],
)
async def test_faults_of_a_ready_engine_are_noticed(spec: EngineSpec, how: dict, code: str) -> None:
    limits = replace(QUICK, hung_s=0.5, probe_s=0.5, strikes=2)
    supervisor = EngineSupervisor(VllmDouble(Path(sys.executable)), told(spec), limits=limits)
    await supervisor.ensure_ready(60)
    for _ in range(spec.placement.slots):
        supervisor.enter()
    if not how.get("hang"):
        supervisor.leave()
    told(spec, **how)
    assert await until(lambda: supervisor.status().failure is not None)
    assert supervisor.status().failure.code == code
    told(spec)
    assert await until(lambda: supervisor.status().restarts >= 1)
    await supervisor.ensure_ready(60)
    await supervisor.stop()


@pytest.mark.slow
async def test_a_busy_engine_that_works_is_not_taken_for_hung(spec: EngineSpec) -> None:
    limits = replace(QUICK, hung_s=0.4)
    told(spec, slow=True)
    supervisor = EngineSupervisor(VllmDouble(Path(sys.executable)), spec, limits=limits)
    await supervisor.ensure_ready(60)
    for _ in range(spec.placement.slots):
        supervisor.enter()
    # Its counters move though no answer is whole: three times the patience, and it stays.
    assert not await asyncio.wait_for(_failed(supervisor, 1.3), 30)
    await supervisor.stop()


async def _failed(supervisor: EngineSupervisor, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        if supervisor.status().state is not State.READY:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("die", "code"),
    [
        ("ValueError: No available memory for the cache blocks.", "cache-too-small"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "device-memory"),
        ("RuntimeError: NPU out of memory. Tried", "device-memory"),
    ],
)
async def test_dying_while_loading_is_explained(spec: EngineSpec, die: str, code: str) -> None:
    supervisor = EngineSupervisor(
        VllmDouble(Path(sys.executable)), told(spec, die=die), limits=QUICK
    )
    with pytest.raises(EngineFailed) as caught:
        await supervisor.ensure_ready()
    assert supervisor.status().failure.code == code
    assert supervisor.status().failure.way_out.zh
    assert caught.value.facts["reason_zh"]
    await supervisor.stop()


async def test_progress_is_read_while_it_loads(spec: EngineSpec) -> None:
    told(spec, wait=True)
    supervisor = EngineSupervisor(VllmDouble(Path(sys.executable)), spec, limits=QUICK)
    await supervisor.start()
    ready = asyncio.create_task(supervisor.ensure_ready(60))
    assert await until(lambda: supervisor.status().phase == "weights")
    assert await until(lambda: 0.3 < supervisor.status().progress < 0.7)
    told(spec)
    await ready
    assert supervisor.status().progress == 1.0
    await supervisor.stop()


@pytest.mark.parametrize(
    ("answer", "expect", "problem"),
    [
        (b'{"choices":[{"text":"a"}],"usage":{"completion_tokens":1}}', "choices", ""),
        (b'{"choices":[{"text":"","finish_reason":"stop"}]}', "choices", ""),
        (b'{"choices":[{"text":"a"}],"usage":{"completion_tokens":0}}', "choices", "no choices"),
        (b'{"choices":[]}', "choices", "no choices"),
        (b"<html>200 OK choices</html>", "choices", "not JSON"),
        (b'{"choices":[{"text":"a"', "choices", "not JSON"),
        (b'{"data":[{"embedding":[0.1,NaN]}]}', "embedding", "no embedding"),
        (b'{"data":[{"embedding":[]}]}', "embedding", "no embedding"),
        (b'{"data":[{"embedding":[0.1]}]}', "embedding", ""),
        (b'{"results":[{"relevance_score":0.5}]}', "results", ""),
        (b'{"results":[{}]}', "results", "no results"),
        (b'{"results":[{"flagged":false}]}', "flagged", ""),
        (b'{"results":[{"flagged":"no"}]}', "flagged", "no flagged"),
        (b'{"results":[]}', "flagged", "no flagged"),
        (b"[" * 100_000, "choices", "not JSON"),
    ],
)
def test_an_answer_is_one_or_is_not(answer: bytes, expect: str, problem: str) -> None:
    request = ProbeRequest("POST", "/", {}, expect)
    assert fault(ProbeAnswer(200, answer), request) == problem


def test_counters_are_summed_over_labels() -> None:
    text = b'# HELP x\nx_total{a="1"} 2\nx_total{a="2"} 3.5\ny_total 1e3\nz_total nan-\n'
    assert counted_in(text, ("x_total",)) == 5.5
    assert counted_in(text, ("x_total", "y_total")) == 1005.5
    assert counted_in(text, ("none",)) is None
    assert counted_in(b"\xff\xfe\n", Pulse("/m", ("x",)).counters) is None
