"""Sticks at a whole box: trusted, planned, applied while it answers, taken back, and found healthy."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from installer.vendor.warehouse import Warehouse
from models.card import ModelCard
from tests.box.conftest import REFERENCE
from tests.installer.vendor.yard import Yard

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]

MODEL = "ward-note"
ASK = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "主诉"}],
    "max_tokens": 16,
    "temperature": 0,
}


def add_model(yard: Yard, folder: Path, version: str) -> None:
    """The reference model under a name and a version of its own."""
    raw = json.loads(REFERENCE.with_name("card.json").read_bytes())
    folder.mkdir()
    card = ModelCard.from_json({**raw, "id": MODEL, "version": version})
    (folder / "card.json").write_bytes(card.to_bytes())
    Warehouse(yard.folder).add(REFERENCE, folder / "card.json")


async def ask(box, until: asyncio.Event, statuses: list[int]) -> None:
    connector = aiohttp.UnixConnector(str(box.state / "run" / "wardbox.sock"))
    async with aiohttp.ClientSession(connector=connector) as http:
        while not until.is_set():
            url = "http://box/v1/chat/completions"
            async with http.post(url, json=ASK) as answer:
                await answer.read()
                statuses.append(answer.status)


async def enough(statuses: list[int], count: int) -> None:
    """Wait for so many answers."""
    while len(statuses) < count:  # noqa: ASYNC110  # the callers tell nobody
        await asyncio.sleep(0.1)


async def while_asked(box, callers: int, *words: str) -> list[int]:
    """Run a command while callers ask the model again and again."""
    over, statuses = asyncio.Event(), []
    tasks = [asyncio.create_task(ask(box, over, statuses)) for _ in range(callers)]
    await enough(statuses, callers)
    await asyncio.to_thread(box.run, *words)
    await enough(statuses, len(statuses) + callers)
    over.set()
    await asyncio.gather(*tasks)
    return statuses


async def card(box) -> dict:
    connector = aiohttp.UnixConnector(str(box.state / "run" / "wardbox.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.get(f"http://box/api/v1/models/{MODEL}/card") as answer,
    ):
        return (await answer.json())["card"]


def served(box) -> str:
    return asyncio.run(card(box))["version"]


def test_a_model_comes_by_stick_is_replaced_while_it_answers_and_goes_back(box, tmp_path):
    yard = Yard(tmp_path / "vendor").init()
    add_model(yard, tmp_path / "one", "1.0")
    first = yard.build(tmp_path / "first", datetime.now(UTC))
    assert box.run("update", "verify", str(first), check=False).returncode == 1
    box.run("update", "trust", str(yard.folder / "root.json"))
    told = box.run("update", "plan", str(first)).stdout
    assert f"models/{MODEL}  - → 1.0" in told
    box.run("update", "verify", str(first))
    box.run("update", "apply", str(first))
    assert served(box) == "1.0"

    add_model(yard, tmp_path / "two", "1.1")
    second = yard.build(tmp_path / "second", datetime.now(UTC), earlier=first)
    assert set(asyncio.run(while_asked(box, 6, "update", "apply", str(second)))) == {200}
    assert served(box) == "1.1"
    assert set(asyncio.run(while_asked(box, 6, "update", "rollback", "models", MODEL))) == {200}
    assert served(box) == "1.0"

    assert box.run("update", "apply", str(tmp_path / "gone"), check=False).returncode == 1
    health = json.loads(box.run("update", "health", "--json").stdout)
    assert health["ok"], health
    assert {one["name"] for one in health["checks"]} == {
        *("api", "golden", "firmware", "schema", "audit"),
    }
    history = json.loads(box.run("update", "history", "--json").stdout)["updates"]
    states = [one["state"] for one in history]
    assert states[:2] == ["refused", "rolled-back"]
    assert states.count("applied") == 2
    told = box.run("update", "status").stdout
    assert f"models/{MODEL} 1.0" in told
    assert "1.1" in told
