"""A full engine in tests: what is asked of it, what it is kept busy with, and in which turns it comes."""

import asyncio
import json
import re

import pytest

from appliance.serving.places import Places
from tests.appliance.api.stand_ins import MODEL
from tests.fakes.stub_engine import StubProtocol

CHAT = "/v1/chat/completions"
WIDTH = 2


def ask(name: str, *, stream: bool = False) -> bytes:
    turn = {"role": "user", "content": f"<{name}>"}
    return json.dumps(
        {"model": MODEL, "messages": [turn], "max_tokens": 4, "stream": stream}
    ).encode()


def name_in(body: bytes) -> str:
    return re.search(rb"<([a-z0-9-]+)>", body).group(1).decode()


class Turns:
    """What reached the engine, in order, and where each request stood when it began to wait."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.order: list[str] = []
        self.joined: dict[str, int] = {}
        generate, turn = StubProtocol._generate, Places.turn

        def arrive(protocol, whole):
            self.order.append(name_in(protocol._body))
            generate(protocol, whole)

        async def wait(places, asker, body, *, patient):
            self.joined[name_in(body)] = len(self.order)
            await turn(places, asker, body, patient=patient)

        patch.setattr(StubProtocol, "_generate", arrive)
        patch.setattr(Places, "turn", wait)

    def waited(self, name: str) -> int:
        """How many others came to the engine while this one waited."""
        return self.order.index(name) - self.joined.get(name, self.order.index(name))


async def until(check) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def occupy(box) -> None:
    """Take every place."""
    box.serving.one.pool._places.free = 0


async def told(asking: asyncio.Task) -> tuple[int, str]:
    async with await asking as answer:
        raw = await answer.read()
        whole = json.loads(raw) if answer.status != 200 else {}
        return answer.status, whole.get("code", "")
