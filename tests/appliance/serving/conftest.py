"""A serving room over doubles, closed and looked over after every test."""

import pytest

from tests.appliance.serving.fakes import Rooms
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
