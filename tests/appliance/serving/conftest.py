"""A serving room over doubles, closed and looked over after every test."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.client.session import Session
from appliance.serving.engine_maker import EngineMaker
from models.capacity import Wish
from models.engines.llama_cpp import find_llama_server
from models.engines.process import ProcessKeeper
from models.errors import EngineMissing
from models.hardware.detect import detect_hardware
from tests.appliance.api.box import live_box
from tests.appliance.serving.fakes import Rooms
from tests.appliance.serving.folder_catalogue import Catalogue
from tests.fakes.stub_engine import serve as serve_stub


@pytest.fixture
async def rooms(tmp_path):
    """Room for 100 bytes; models of 60 (m), 30 (a), 30 (b), 90 (large), 200 (huge)."""
    made = Rooms(tmp_path, 100, m=60, a=30, b=30, large=90, huge=200)
    yield made
    await made.close()


@pytest.fixture
async def stub(rooms):
    """The same, with a stub engine listening where every engine is said to."""
    servers, _ = await serve_stub(port=None, uds=rooms.folder / "e", tokens=5)
    yield rooms
    for server in servers:
        server.close()


@pytest.fixture
async def box(rooms, tmp_path):
    """A live box that serves from doubles' engines; the engine that answers is the stub."""
    folder = tmp_path / "live"
    folder.mkdir()
    servers, _ = await serve_stub(port=None, uds=rooms.folder / "e", tokens=5)
    async with live_box(folder) as live:
        front = live.front
        front.services = replace(
            front.services, serving=rooms.serving, catalogue=Catalogue(rooms.shelf)
        )
        yield live
    for server in servers:
        server.close()


@pytest.fixture
async def session(box):
    async with Session.local(box.socket) as made:
        yield made


@pytest.fixture
def real_maker(tmp_path):
    """A maker of real engines, where llama-server is built."""
    named = os.environ.get("WARDBOX_ENGINE_DIR")
    cached = sorted((Path.home() / ".cache/wardbox/engine").glob("*"), reverse=True)
    places = (Path(named),) if named else tuple(cached)
    try:
        find_llama_server(places)
    except EngineMissing:
        pytest.skip("llama-server is not built: run ./install.sh or set WARDBOX_ENGINE_DIR")
    wish = Wish(context=256, slots=2, device="cpu")
    return EngineMaker(places, tmp_path / "run", detect_hardware(), wish, 1, ProcessKeeper())
