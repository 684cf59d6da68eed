"""What tests ask of the model routes, and how a refusal looks."""

import asyncio
import io
import json

from tests.appliance.api.box import LiveBox
from tests.appliance.api.stand_ins import MODEL

CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}


async def recorded(box: LiveBox, tag: str):
    for _ in range(3000):
        if found := box.entries(tag):
            return found[0].details
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {tag} on record")


async def engine_asked(box: LiveBox) -> None:
    """Wait until a request has reached the engine, which takes seconds in a slow box."""
    while not box.serving.one.pool.in_flight:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def post(box: LiveBox, body, path=CHAT, headers=None, **more):
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    headers = {**box.bearer, **(headers or {})}
    async with box.http.post(box.url + path, data=data, headers=headers, **more) as answer:
        raw = await answer.read()
        return answer, (json.loads(raw) if raw.startswith(b"{") else raw)


def assert_problem(answer, body, status, code):
    assert answer.status == status, body
    assert answer.content_type == "application/problem+json"
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:wardbox:problem:{code}"
    assert body["way_out"]
    assert any("\u4e00" <= c <= "\u9fff" for c in body["detail"])
    assert body["error"]["code"] == code
    assert body["error"]["message"] == body["detail"]


async def raw_request(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(65_536), 60)
    finally:
        writer.close()
