"""The short way on a real connection: pieces, haste, odd heads, slow readers, and the full parser after."""

import asyncio
import json

import pytest

from appliance.api.hot import body as hot_body
from appliance.api.hot import line as hot_line
from tests.appliance.api.box import LiveBox
from tests.appliance.api.stand_ins import MODEL

CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}


def request(box: LiveBox, body=GOOD, *, path=CHAT, more=(), method="POST") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {box.key}",
        *more,
        f"Content-Length: {len(raw)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    if fields.get("transfer-encoding") == "chunked":
        raw = b""
        while size := int(await asyncio.wait_for(reader.readline(), 30), 16):
            raw += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        raw = await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), 30)
    return int(head[0].split()[1]), fields, raw


class Connection:
    def __init__(self, box: LiveBox) -> None:
        self.box = box

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.box.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self):
        return await answer(self.reader)

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 30) == b""


async def test_head_and_body_may_come_in_pieces(box):
    whole = request(box)
    split = whole.index(b"\r\n\r\n") + 4
    for cuts in ([split], [split + 5, split + 6], [10], [split - 2], range(1, len(whole), 60)):
        async with Connection(box) as line:
            at = 0
            for cut in [*cuts, len(whole)]:
                line.send(whole[at:cut])
                at = cut
                await asyncio.sleep(0.002)
            status, _, raw = await line.hear()
            assert status == 200, raw


async def test_hasty_requests_are_answered_in_order_whatever_way_they_take(box):
    health = b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    odd = request(box, more=["Content-Encoding: identity"])
    async with Connection(box) as line:
        line.send(request(box) + health + odd + request(box, {"model": "x"}) + request(box))
        told = [await line.hear() for _ in range(5)]
    assert [status for status, _, _ in told] == [200, 200, 200, 422, 200]
    assert b'"choices"' in told[0][2]
    assert b'"choices"' not in told[1][2]


async def test_many_hasty_bytes_wait_without_filling_the_memory(box, monkeypatch):
    monkeypatch.setattr(hot_line, "AHEAD", 1000)
    async with Connection(box) as line:
        line.send(request(box) * 40)
        for _ in range(40):
            assert (await line.hear())[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        ["Transfer-Encoding: chunked"],
        ["Content-Length: 5"],
        ["Content-Length : 5"],
        ["Content-Length: +5"],
        ["X-A: b\x00c"],
        ["X-A: b\nContent-Length: 3"],
        [" folded: x"],
        ["Host: localhost"],
        ["Nonsense"],
    ],
)
async def test_two_readings_of_one_head_are_never_possible(box, head):
    """What the short way does not take, the strict parser refuses or reads once."""
    inner = request(box)
    async with Connection(box) as line:
        line.send(request(box, inner, more=head))
        line.send(b"0\r\n\r\n")
        status, _, raw = await line.hear()
    assert status in {400, 401, 422}, raw


async def test_a_body_that_looks_like_a_request_is_none(box):
    """An early refusal leaves a body unread; its bytes must not be taken for the next request."""
    inner = request(box)
    outer = request(box, inner, path="/api/v1/nowhere")
    split = outer.index(b"\r\n\r\n") + 4
    async with Connection(box) as line:
        line.send(outer[:split])
        await asyncio.sleep(0.05)
        line.send(outer[split:])
        status, _, _ = await line.hear()
        assert status == 404
        line.send(b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _, raw = await line.hear()
    assert b"choices" not in raw
    assert not box.entries("model:completion:answer")


async def test_a_refusal_before_the_body_closes_and_the_body_is_no_request(box):
    inner = request(box)
    outer = request(box, inner).replace(box.key.encode(), b"wb_nobody")
    split = outer.index(b"\r\n\r\n") + 4
    async with Connection(box) as line:
        line.send(outer[:split])
        status, fields, _ = await line.hear()
        assert (status, fields["connection"]) == (401, "close")
        line.send(outer[split:])
        assert await line.is_closed()
    assert not box.entries("model:completion:answer")


async def test_a_body_that_does_not_come_is_told(box, monkeypatch):
    monkeypatch.setattr(hot_body, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(hot_line, "BODY_SECONDS", 0.1)
    async with Connection(box) as line:
        line.send(request(box)[:-1])
        status, _, raw = await line.hear()
        assert (status, json.loads(raw)["code"]) == (408, "request.too-slow")
        assert await line.is_closed()


async def test_connection_close_is_kept(box):
    async with Connection(box) as line:
        line.send(request(box, more=["Connection: close"]))
        status, fields, _ = await line.hear()
        assert (status, fields["connection"]) == (200, "close")
        assert await line.is_closed()


async def test_a_stream_ends_and_the_connection_goes_on(box):
    async with Connection(box) as line:
        for _ in range(2):
            line.send(request(box, {**GOOD, "stream": True}))
            status, fields, raw = await line.hear()
            assert (status, fields["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert raw.endswith(b"data: [DONE]\n\n")


async def test_a_client_that_reads_nothing_holds_only_itself_up(slow_box):
    async with Connection(slow_box) as idle, Connection(slow_box) as line:
        idle.send(request(slow_box, {**GOOD, "stream": True}))
        line.send(request(slow_box, {**GOOD, "stream": True}))
        status, _, raw = await line.hear()
        assert status == 200
        assert b"[DONE]" in raw


async def test_every_answer_carries_a_date_and_its_own_ids(box):
    async with Connection(box) as line:
        ids = set()
        for _ in range(3):
            line.send(request(box))
            _, fields, raw = await line.hear()
            assert "date" in fields
            assert json.loads(raw)["receipt"] == fields["x-wardbox-receipt"]
            assert fields["x-wardbox-receipt"][4:] == fields["x-request-id"][4:]
            ids.add(fields["x-request-id"])
    assert len(ids) == 3
