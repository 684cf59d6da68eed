"""Two boxes with stub engines beside each other, and what is asked of them."""

import json
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

from appliance.serving.assembly import go_beyond
from tests.appliance.cluster.neighbours import HEAD, MEMBER, Beside, beside
from tests.appliance.serving.fakes import Rooms, until
from tests.fakes.stub_engine import serve as serve_stub

PATH = "/v1/chat/completions"
ASK = json.dumps({"model": "m", "messages": [], "stream": False}).encode()
STREAM = ASK.replace(b"false", b"true")
NUMBER = "req_" + "0" * 30


class Box:
    """A serving room with a stub for its engine, among its neighbours."""

    def __init__(self, at: Beside, rooms: Rooms) -> None:
        self.at, self.rooms = at, rooms
        self.serving = rooms.serving
        self.address = at.address
        ground = SimpleNamespace(log=rooms.log, shelf=rooms.shelf)
        go_beyond(self.serving, at.peering, ground, b"k" * 32)

    async def start(self, *models: str) -> None:
        for model in models:
            await self.serving.upstream(model)
        await self.at.peering.start(self.at.membership)
        for model in models:
            await self.at.peering.share(model, "user:it")

    async def serve(self, undo: AsyncExitStack, token_ms: float = 0.0) -> None:
        path = self.rooms.folder / "e"
        path.unlink(missing_ok=True)
        servers, _ = await serve_stub(port=None, uds=path, tokens=5, token_ms=token_ms)
        for server in servers:
            undo.callback(server.close)

    async def ask(self, model: str = "m", body: bytes = ASK) -> dict:
        upstream = self.serving.ready(model)
        assert upstream is not None
        upstream.enter()
        try:
            exchange = await upstream.pool.ask(PATH, body, "key:1")
            assert exchange.status == 200
            return json.loads(await exchange.whole())
        finally:
            upstream.leave()

    async def close(self) -> None:
        for engine in self.rooms.maker.made:
            engine.idle.set()  # a test that failed half way must not wait for its own requests
        await self.rooms.close()

    def tags(self) -> list[str]:
        return self.rooms.log.tags("cluster:peer:")


@asynccontextmanager
async def boxes(folder, token_ms: float = 0.0):
    async with AsyncExitStack() as undo, beside(folder) as places:
        made = []
        for at in places:
            place = folder / f"at-{at.address}"
            place.mkdir()
            box = Box(at, Rooms(place, 100, m=60, a=30))
            undo.push_async_callback(box.close)
            await box.serve(undo, token_ms)
            made.append(box)
        yield made


async def both_ready(one: Box, two: Box) -> None:
    await one.start("m")
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER] and two.at.offers("m") == [HEAD])
