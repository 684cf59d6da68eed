"""A client that hangs up in the middle of a stream: the real llama-server stops, and the books agree."""

import asyncio
import json
from dataclasses import replace

import aiohttp
import pytest

from models.planning.reservations import HOST, Reservations
from tests.appliance.api.box import live_box
from tests.appliance.serving.fakes import until
from tests.appliance.serving.folder_catalogue import Catalogue
from tests.models.engines import tiny_model

CONTEXT = 16_384
WORDS = 12_000
"""More than the tiny model writes before somebody has hung up."""


@pytest.fixture
async def box(rooms, tmp_path, real_maker, monkeypatch):
    """A live box over the real engine, whose one slot takes long answers."""
    monkeypatch.setattr(tiny_model, "CONTEXT", CONTEXT)
    folder = tmp_path / "live"
    folder.mkdir()
    rooms.shelf.folder = tmp_path
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    tiny_model.write_tiny_model(tmp_path / "a.gguf")
    residency = rooms.serving.residency
    maker = replace(real_maker, wish=replace(real_maker.wish, context=CONTEXT, slots=1))
    residency._maker = residency._room._maker = maker
    async with live_box(folder) as live:
        live.front.services = replace(
            live.front.services, serving=rooms.serving, catalogue=Catalogue(rooms.shelf)
        )
        await residency.ready("a", None)
        yield live


async def counters(rooms) -> dict[str, float]:
    """What the engine itself counts, by name."""
    endpoint = rooms.serving.ready("a").pool.endpoint
    bearer = {"Authorization": f"Bearer {endpoint.secret}"}
    connector = aiohttp.UnixConnector(str(endpoint.uds))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.get("http://engine/metrics", headers=bearer) as answer,
    ):
        lines = (await answer.text()).splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name.removeprefix("llamacpp:"): float(value) for name, _, value in pairs}


@pytest.mark.slow
@pytest.mark.parametrize("odd", [{}, {"Content-Encoding": "identity"}], ids=["short", "full"])
async def test_a_stream_that_is_left_stops_at_once_and_what_was_sent_is_metered(box, rooms, odd):
    asked = {
        "model": "a",
        "messages": [{"role": "user", "content": "abc"}],
        "max_tokens": WORDS,
        "temperature": 0,
        "stream": True,
    }
    heard = 0
    async with box.http.post(
        f"{box.url}/v1/chat/completions", json=asked, headers={**box.bearer, **odd}
    ) as answer:
        while heard < 20:
            event = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 60)
            heard += bool(json.loads(event[6:])["choices"][0]["delta"].get("content"))
        answer.close()
    # The engine's one slot is free again: it decodes no more, thousands of tokens early.
    async with asyncio.timeout(60):
        while (await counters(rooms))["requests_processing"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    decoded = (await counters(rooms))["n_decode_total"]
    assert decoded < WORDS
    await until(lambda: box.entries("model:completion:answer"), 60)
    (record,) = box.entries("model:completion:answer")
    assert record.details["status"] == "client-gone"
    assert heard <= record.details["completion_tokens"] <= decoded
    assert (await counters(rooms))["n_decode_total"] == decoded
    await until(lambda: box.services.access.usage(0, 1 << 40), 60)
    (row,) = box.services.access.usage(0, 1 << 40)
    assert (row.requests, row.completion_tokens) == (1, record.details["completion_tokens"])
    assert rooms.serving.ready("a").pool.in_flight == 0
