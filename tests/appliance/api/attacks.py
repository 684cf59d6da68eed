"""How tests of threats speak to a box: raw, or with any method and header."""

import asyncio
import io
import json

import pytest

from tests.appliance.api.box import LiveBox
from tests.appliance.api.stand_ins import MODEL

module = pytest.mark.asyncio(loop_scope="module")
CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}
HEALTH = b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def say(box: LiveBox, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(data)
    return reader, writer


async def told(box: LiveBox, data: bytes) -> bytes:
    """Everything that a connection answers until it is closed or silent."""
    reader, writer = await say(box, data)
    got = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65_536), 30):
            got += piece
            head, _, rest = got.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if length and len(rest) >= int(length):
                break
        return got
    finally:
        writer.close()


async def ask(box: LiveBox, method: str, path: str, data=None, **headers: str):
    headers = {**box.bearer, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
    body = None if raw is None else io.BytesIO(raw)
    async with box.http.request(method, box.url + path, data=body, headers=headers) as answer:
        got = await answer.read()
        return answer, (json.loads(got) if got[:1] in {b"{", b"["} else got)


def is_problem(answer, body, *statuses: int) -> None:
    assert answer.status in statuses, body
    assert answer.content_type == "application/problem+json"
    assert body["way_out"]
    assert "Traceback" not in json.dumps(body)
