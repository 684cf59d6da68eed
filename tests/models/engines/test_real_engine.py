"""The real llama-server under the supervisor: ready, batching, killed, orphaned, drained."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from models.engines.declaration import Declaration
from models.engines.declared import Declared
from models.engines.engine import Address, EngineSpec, Placement, ProbeRequest
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import Limits, State
from models.engines.llama_cpp import LlamaCpp
from models.engines.probe import ask
from models.errors import EngineDraining, EngineFailed, EngineLoading
from tests.fakes.stub_engine import serve

MARK = "机密患者张三丰MARKER"
QUICK = Limits(load_s=30, health_s=0.2, probe_s=20, backoff_s=0.05, grace_s=5, drain_s=20)


def spec_for(model: Path, folder: Path, *, slots: int = 4, tcp: bool = False) -> EngineSpec:
    address = Address() if tcp else Address(uds=folder / "e.sock")
    place = Placement(threads=1, slots=slots, context=256)
    return EngineSpec("tiny", model, address, "sekret-bearer", folder / "run", place)


def chat(text: str, tokens: int = 8) -> ProbeRequest:
    body = {"model": "tiny", "prompt": text, "max_tokens": tokens, "ignore_eos": True}
    return ProbeRequest("POST", "/v1/completions", body, "choices")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def until(condition, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


async def test_it_comes_up_answers_and_leaves_no_trace(llama_server, tiny_model, tmp_path) -> None:
    spec = spec_for(tiny_model, tmp_path)
    engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
    assert engine.status().state is State.ABSENT
    address = await engine.ensure_ready(30)
    assert (await engine.deep_health()).ok
    answer = await ask(address, spec.secret, chat(MARK), timeout_s=20)
    assert json.loads(answer.body)["usage"]["completion_tokens"] == 8
    for wrong in ("", "wrong"):
        assert (await ask(address, wrong, chat("x"), timeout_s=20)).status == 401
    assert MARK not in "\n".join(engine.log_tail())
    assert spec.secret not in "\n".join(engine.log_tail())
    pid = engine.status().pid
    assert spec.secret.encode() not in command_line(pid)
    assert (spec.runtime_dir / "engine.key").stat().st_mode & 0o777 == 0o600
    await engine.stop()
    assert engine.status().state is State.STOPPED
    assert gone(pid)
    assert not (tmp_path / "e.sock").exists()
    with pytest.raises(EngineDraining):
        engine.enter()


async def test_a_killed_engine_comes_back(llama_server, tiny_model, tmp_path) -> None:
    spec = spec_for(tiny_model, tmp_path, tcp=True)
    engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
    await engine.ensure_ready(30)
    first = engine.status().pid
    os.kill(first, signal.SIGKILL)
    assert await until(lambda: engine.status().restarts == 1)
    assert "SIGKILL" in engine.status().reason.en
    await engine.ensure_ready(30)
    assert engine.status().pid != first
    assert (await engine.deep_health()).ok
    await engine.stop()


async def test_thirty_two_clients_share_the_batch(llama_server, tiny_model, tmp_path) -> None:
    spec = spec_for(tiny_model, tmp_path, slots=32)
    engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
    address = await engine.ensure_ready(30)
    begun = time.monotonic()
    await ask(address, spec.secret, chat("a", 64), timeout_s=60)
    alone = time.monotonic() - begun
    begun = time.monotonic()
    answers = await asyncio.gather(
        *(ask(address, spec.secret, chat(f"{n}", 64), timeout_s=60) for n in range(32))
    )
    together = time.monotonic() - begun
    assert [answer.status for answer in answers] == [200] * 32
    assert all(json.loads(a.body)["usage"]["completion_tokens"] == 64 for a in answers)
    print(f"1 client {alone:.3f} s, 32 clients {together:.3f} s, one by one {32 * alone:.3f} s")
    await engine.stop()


async def test_draining_lets_running_requests_end(llama_server, tiny_model, tmp_path) -> None:
    spec = spec_for(tiny_model, tmp_path)
    engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
    address = await engine.ensure_ready(30)
    engine.enter()
    request = asyncio.create_task(ask(address, spec.secret, chat("a", 200), timeout_s=60))
    await asyncio.sleep(0.05)
    draining = asyncio.create_task(engine.drain())
    assert await until(lambda: engine.status().state is State.DRAINING)
    with pytest.raises(EngineDraining):
        engine.enter()
    assert (await request).status == 200
    engine.leave()
    await draining
    assert engine.status().state is State.STOPPED
    await engine.ensure_ready(30)
    await engine.stop()


async def test_a_broken_model_is_explained(llama_server, tmp_path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    engine = EngineSupervisor(LlamaCpp(llama_server), spec_for(broken, tmp_path), limits=QUICK)
    with pytest.raises(EngineFailed) as caught:
        await engine.ensure_ready()
    assert "model" in str(caught.value)
    assert await until(lambda: engine.status().restarts >= 2)
    await engine.stop()
    missing = EngineSupervisor(
        LlamaCpp(llama_server), spec_for(tmp_path / "none.gguf", tmp_path), limits=QUICK
    )
    with pytest.raises(EngineFailed, match="missing"):
        await missing.ensure_ready()
    await missing.stop()


PARENT = """
import asyncio, sys
from pathlib import Path
from models.engines.process import ProcessKeeper
async def main():
    keeper = ProcessKeeper(Path(sys.argv[1]) if sys.argv[1] else None)
    kept = await keeper.start(sys.argv[2:], {"PATH": "/usr/bin:/bin"})
    print(kept.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("late", [False, True])
async def test_no_orphan_outlives_a_killed_parent(tmp_path, late) -> None:
    """`late`: the parent is dead before anybody could ask the kernel to tell of its death."""
    setpriv, dead = tmp_path / "setpriv", tmp_path / "dead"
    wait = f"while [ ! -e '{dead}' ]; do sleep 0.01; done"
    setpriv.write_text(f'#!/bin/sh\n{wait}\nexec setpriv "$@"\n')
    setpriv.chmod(0o700)
    argv = [sys.executable, "-c", PARENT, str(setpriv) if late else "", "sleep", "600"]
    parent = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    child = int(await parent.stdout.readline())
    try:
        assert not gone(child)
        parent.kill()
        await parent.wait()
        dead.touch()
        assert await until(lambda: gone(child))
    finally:
        if not gone(child):
            os.kill(child, signal.SIGKILL)


async def test_a_declared_engine_is_watched_but_not_started(tmp_path) -> None:
    servers, port = await serve(port=0, uds=None, tokens=2, key="k")
    spec = EngineSpec("stub", tmp_path, Address(port=port), "k", tmp_path, Placement(1, 4, 256))
    declaration = Declaration(
        "stub", ("stub",), frozenset({"chat"}), address=Address(port=port), health="/v1/models"
    )
    engine = EngineSupervisor(Declared(declaration), spec, limits=QUICK)
    assert await engine.ensure_ready(10) == Address(port=port)
    assert engine.status().pid is None
    await engine.drain()
    servers[0].close()
    await servers[0].wait_closed()
    assert (await engine.deep_health()).ok is False


async def test_garbage_from_an_engine_is_no_health(tmp_path) -> None:
    async def babble(_reader, writer) -> None:
        writer.write(b"\xff\xfe not http\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(babble, tmp_path / "s.sock")
    answer = await ask(Address(uds=tmp_path / "s.sock"), "", chat("x"), timeout_s=2)
    assert answer.status == 0
    server.close()
    await server.wait_closed()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = Address(port=silent.getsockname()[1])
        answer = await ask(address, "", chat("x"), timeout_s=0.1)
    assert "no answer" in answer.problem


async def test_an_embedding_engine_gives_vectors(llama_server, tiny_model, tmp_path) -> None:
    spec = replace(spec_for(tiny_model, tmp_path), mode="embed", pooling="mean")
    engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
    address = await engine.ensure_ready(30)
    assert "embeddings" in engine.capabilities
    request = ProbeRequest("POST", "/v1/embeddings", {"model": "tiny", "input": ["一", "b"]}, "")
    answer = await ask(address, spec.secret, request, timeout_s=20)
    rows = json.loads(answer.body)["data"]
    assert [len(row["embedding"]) for row in rows] == [32, 32]
    await engine.stop()


def test_uvloop_carries_it_too(llama_server, tiny_model, tmp_path) -> None:
    async def life() -> bool:
        spec = spec_for(tiny_model, tmp_path)
        engine = EngineSupervisor(LlamaCpp(llama_server), spec, limits=QUICK)
        await engine.ensure_ready(30)
        os.kill(engine.status().pid, signal.SIGKILL)
        assert await until(lambda: engine.status().restarts == 1)
        await engine.ensure_ready(30)
        fine = (await engine.deep_health()).ok
        await engine.drain()
        return fine

    assert uvloop.run(life())


async def test_failing_engines_are_not_hammered(llama_server, tmp_path) -> None:
    limits = Limits(backoff_s=0.5, poll_s=0.01)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    engine = EngineSupervisor(LlamaCpp(llama_server), spec_for(broken, tmp_path), limits=limits)
    for _ in range(20):
        with pytest.raises((EngineFailed, EngineLoading)):
            await engine.ensure_ready(0.02)
    assert engine.status().restarts <= 1
    assert engine.status().retry_after_s >= 1
    await engine.stop()
    assert engine.status().state is State.STOPPED


async def test_the_stub_serves_streams_and_sockets(tmp_path) -> None:
    servers, port = await serve(port=0, uds=tmp_path / "s.sock", token_ms=1, tokens=3)
    body = {"model": "stub", "messages": [], "stream": True}
    stream = ProbeRequest("POST", "/v1/chat/completions", body, "[DONE]")
    for address in (Address(port=port), Address(uds=tmp_path / "s.sock")):
        answer = await ask(address, "", stream, timeout_s=5)
        assert answer.status == 200
        assert answer.body.count(b"chat.completion.chunk") == 4
        assert b"[DONE]" in answer.body
    for server in servers:
        server.close()
        await server.wait_closed()
