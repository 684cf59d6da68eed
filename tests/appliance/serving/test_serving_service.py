"""Serving: engines started when asked for, loading told, dead ones brought back, idle ones let go."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from appliance.serving.errors import ModelLoading
from appliance.serving.service import ServingService
from appliance.serving.writing import Written
from models.card import Bilingual
from models.engines.engine import Address
from models.engines.lifecycle_table import EngineStatus, Health, State
from models.errors import EngineLoading, ModelUnknown
from tests.fakes.stub_engine import serve as serve_stub


@dataclass
class FakeSupervisor:
    address: Address
    state: State = State.ABSENT
    loading: bool = False
    drained: int = 0
    in_flight: int = 0
    secret: str = "s"
    capabilities: frozenset[str] = frozenset({"chat"})
    spec: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(placement=SimpleNamespace(slots=2))
    )

    async def ensure_ready(self, timeout_s=None):
        if self.loading:
            self.state = State.LOADING
            raise EngineLoading(percent=40, retry_after_s=3)
        self.state = State.READY
        return self.address

    def status(self):
        return EngineStatus(self.state, 0.4, 0, 1, self.in_flight, Bilingual("x", "x"), 3)

    def enter(self):
        self.in_flight += 1

    def leave(self):
        self.in_flight -= 1

    async def deep_health(self):
        return Health(ok=True, latency_ms=1.0)

    async def drain(self, timeout_s=None):
        self.drained += 1


class FakeShelf:
    def __init__(self):
        self.digest = "aa" * 32
        self.verified = 0

    def get(self, model_id):
        if model_id != "m":
            raise ModelUnknown(model_id=model_id, name=model_id)
        manifest = SimpleNamespace(digest=self.digest)
        return SimpleNamespace(card=SimpleNamespace(id="m"), manifest=manifest)

    def verify(self, model_id):
        self.verified += 1


@pytest.fixture
async def room(tmp_path):
    servers, _ = await serve_stub(port=None, uds=tmp_path / "e", tokens=5)
    supervisor = FakeSupervisor(Address(uds=tmp_path / "e"))
    shelf = FakeShelf()
    maker = SimpleNamespace(make=lambda model: supervisor)
    serving = ServingService(shelf, maker, default="m")
    yield SimpleNamespace(serving=serving, supervisor=supervisor, shelf=shelf)
    await serving.close()
    for server in servers:
        server.close()


async def test_a_model_is_verified_once_and_then_ready(room):
    assert room.serving.ready(None) is None
    upstream = await room.serving.upstream(None)
    assert room.serving.ready("m") is upstream
    assert (upstream.model, upstream.digest, room.shelf.verified) == ("m", "aa" * 32, 1)
    await asyncio.gather(*(room.serving.upstream("m") for _ in range(10)))
    assert room.shelf.verified == 1


async def test_a_loading_model_tells_how_far_it_is(room):
    room.supervisor.loading = True
    with pytest.raises(ModelLoading) as told:
        await room.serving.upstream("m")
    assert told.value.facts["progress"] == 0.4
    assert told.value.facts["retry_after_s"] == 3


async def test_an_unknown_model_is_unknown(room):
    with pytest.raises(ModelUnknown):
        await room.serving.upstream("nobody")


async def test_a_dead_engine_is_not_ready_and_comes_back(room):
    first = await room.serving.upstream("m")
    room.supervisor.state = State.FAILED
    assert room.serving.ready("m") is None
    assert await room.serving.upstream("m") is not first


async def test_text_comes_piece_by_piece_and_then_its_account(room):
    pieces = [
        p async for p in room.serving.write("m", [{"role": "user", "content": "x"}], max_tokens=9)
    ]
    assert isinstance(pieces[-1], Written)
    assert "".join(pieces[:-1])
    assert pieces[-1].finish == "length"
    assert room.supervisor.in_flight == 0
    assert room.serving.traffic.picture().in_flight == 0


async def test_a_listener_that_leaves_stops_the_engine(room):
    writing = room.serving.write("m", [{"role": "user", "content": "x"}], max_tokens=9)
    await anext(writing)
    await writing.aclose()
    assert room.supervisor.in_flight == 0


async def test_the_default_model_loads_by_itself_and_a_replaced_one_is_let_go(room):
    await room.serving.start()
    for _ in range(100):
        if room.serving.default_state() == "ready":
            break
        await asyncio.sleep(0.02)
    assert room.serving.default_state() == "ready"
    room.shelf.digest = "bb" * 32
    served = room.serving._served["m"]
    assert await room.serving._is_over("m", served)
    await room.serving.forget("m")
    assert room.supervisor.drained == 1
    assert (await room.serving.upstream("m")).digest == "bb" * 32
