"""The real llama-server under the serving room: killed while loading and while answering, brought back."""

import asyncio
import os
import signal
from contextlib import suppress

import msgspec
import pytest

from appliance.serving.errors import EngineGone, ModelFailed, ModelLoading
from models.engines.lifecycle_table import State
from models.errors import EngineDraining, EngineFailed
from models.planning.reservations import HOST, Reservations
from tests.appliance.serving.fakes import until
from tests.models.engines.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow
LONG = {"model": "a", "prompt": "ab", "max_tokens": 200, "ignore_eos": True, "stream": True}


@pytest.fixture
def real(rooms, tmp_path, real_maker):
    """The serving room over the real engine; models "a" and "b" are tiny ones."""
    rooms.shelf.folder = tmp_path
    for name in ("a", "b"):
        write_tiny_model(tmp_path / f"{name}.gguf")
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    rooms.serving.residency._maker = rooms.serving.residency._room._maker = real_maker
    return rooms


def engine_pid(rooms, model: str) -> int:
    one = rooms.serving.residency.residents.get(model)
    return 0 if one is None else one.status().pid or 0


async def to_its_end(exchange) -> None:
    while await exchange.more():
        pass


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_an_engine_killed_while_answering_ends_the_answer_and_comes_back(real):
    await real.serving.residency.ready("a", None)
    await real.serving.residency.ready("b", None)
    upstream = real.serving.ready("a")
    upstream.enter()
    try:
        body = msgspec.json.encode(LONG)[:-1] + upstream.tail + b"}"
        exchange = await upstream.pool.ask("/v1/completions", body)
        assert await exchange.more()
        pid = engine_pid(real, "a")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineGone):
            await to_its_end(exchange)
    finally:
        upstream.leave()
    # Others notice nothing, and the dead one is back under its own supervisor.
    assert real.serving.ready("b") is not None
    await until(lambda: engine_pid(real, "a") not in {0, pid}, 60)
    await until(lambda: real.serving.ready("a") is not None, 60)
    assert len(real.office.leases()) == 2


async def test_an_engine_killed_while_loading_is_started_again(real):
    loading = asyncio.create_task(real.serving.residency.ready("a", None))
    await until(lambda: engine_pid(real, "a"), 60)
    os.kill(engine_pid(real, "a"), signal.SIGKILL)
    await asyncio.wait_for(loading, 60)
    assert real.serving.ready("a") is not None


async def test_a_file_that_no_engine_loads_fails_once_and_leaves_no_process(real, tmp_path):
    # Sound to our parser, useless to the engine: a tokenizer that it does not know.
    whole = (tmp_path / "a.gguf").read_bytes()
    (tmp_path / "a.gguf").write_bytes(whole.replace(b"gpt2", b"gptx"))
    with pytest.raises(EngineFailed) as told:
        await asyncio.wait_for(real.serving.residency.ready("a", None), 60)
    assert "load" in told.value.sentence
    with pytest.raises(ModelFailed):
        await real.serving.upstream("a")
    assert real.office.leases() == ()
    assert real.serving.residency.residents == {}


async def test_closing_in_the_middle_of_everything_leaves_no_process_and_no_lease(real):
    await real.serving.residency.ready("a", None)
    pids = [engine_pid(real, "a")]
    upstream = real.serving.ready("a")
    body = msgspec.json.encode(LONG)[:-1] + upstream.tail + b"}"
    exchange = await upstream.pool.ask("/v1/completions", body)
    loading = asyncio.create_task(real.serving.residency.ready("b", None))
    await until(lambda: engine_pid(real, "b"), 60)
    pids.append(engine_pid(real, "b"))
    await real.serving.close()
    assert all(map(gone, pids))
    assert real.office.leases() == ()
    with pytest.raises((ModelLoading, EngineDraining)):
        await loading
    # A tiny model may have said everything by then; it must not hang.
    with suppress(EngineGone):
        await asyncio.wait_for(to_its_end(exchange), 20)


async def test_idle_engines_make_room_for_real(real):
    await real.serving.residency.ready("a", None)
    (lease,) = real.office.leases()
    pid = engine_pid(real, "a")
    size = lease.claim[HOST]
    real.office.reserved = Reservations({HOST: size + 10}, real.office.reserved.granted)
    real.later(10)
    await real.serving.residency.ready("b", None)
    assert gone(pid)
    assert real.serving.residency.residents["b"].status().state is State.READY
    assert set(real.serving.residency.residents) == {"b"}
