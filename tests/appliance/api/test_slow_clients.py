"""Clients that do not read, do not finish, or are too many: each is bounded, and others notice nothing."""

import asyncio
import contextlib
import json
import socket

import pytest

from appliance.api import slow_reader, wire
from appliance.api.crowd import HALVES, TOLD, Crowd, fitting
from appliance.api.errors import BoxCrowded
from appliance.api.hot import line as hot_line
from appliance.api.slow_reader import SlowReader
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.stand_ins import MODEL
from tests.fakes import stub_engine

CHAT = "/v1/chat/completions"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "请拟入院记录"}]}
HEALTH = b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def request(box: LiveBox, body=GOOD, *, more: str = "") -> bytes:
    raw = json.dumps(body).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {box.key}\r\n{more}"
        f"Content-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def deaf(box: LiveBox) -> socket.socket:
    """A connection whose own machine takes next to nothing that is not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", box.port))
    return sock


async def until(true) -> None:
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


async def heard(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    raw = await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), 30)
    return int(head[0].split()[1]), fields, raw


@pytest.fixture
async def long_box(tmp_path):
    """A box whose model writes 20,000 tokens at once: 4 MB as a stream."""
    async with live_box(tmp_path, tokens=20_000) as one:
        yield one


@pytest.fixture
def hasty(monkeypatch):
    """Readers have a third of a second."""
    monkeypatch.setattr(slow_reader, "READ_SECONDS", 0.3)
    monkeypatch.setattr(slow_reader, "_LOOK_S", 0.05)


async def test_who_does_not_read_a_stream_is_cut_and_its_engine_stops(long_box, hasty):
    box, cut = long_box, SlowReader.cut
    with deaf(box) as sock:
        sock.sendall(request(box, {**GOOD, "stream": True}))
        await until(lambda: SlowReader.cut > cut)
        await until(lambda: box.entries("model:completion:answer"))
    assert box.serving.one.pool.in_flight == 0
    details = box.entries("model:completion:answer")[0].details
    assert details["status"] == "client-gone"
    # What was handed to the connection is counted, the rest of the 20,000 never came.
    assert 0 < details["completion_tokens"] < 20_000
    await until(lambda: not SlowReader.late)
    async with box.http.post(box.url + CHAT, json=GOOD, headers=box.bearer) as answer:
        assert answer.status == 200


async def test_who_reads_no_answers_is_asked_for_no_more_requests(long_box, hasty):
    box, cut = long_box, SlowReader.cut
    with deaf(box) as sock:
        sock.setblocking(False)
        asking = asyncio.get_running_loop().sock_sendall(sock, request(box) * 400)
        with contextlib.suppress(OSError):
            await asyncio.wait_for(asking, 60)
        await until(lambda: SlowReader.cut > cut)
    assert len(box.entries("model:completion:answer")) < 400


async def test_who_reads_late_gets_every_answer(long_box):
    box = long_box
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port, limit=4096)
    writer.write(request(box) * 80)
    await until(lambda: SlowReader.late)
    for _ in range(80):
        status, _, raw = await heard(reader)
        assert status == 200
        assert json.loads(raw)["usage"]["completion_tokens"] == 20_000
    writer.close()
    assert not SlowReader.late


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/v1/models"])
async def test_a_connection_that_is_closed_with_words_left_in_it_ends(long_box, hasty, path):
    box, cut = long_box, SlowReader.cut
    raw = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {box.key}\r\n"
    with deaf(box) as sock:
        # Answers pile up unread; the last of them closes.
        sock.sendall(request(box) * 60 + f"{raw}Connection: close\r\n\r\n".encode())
        await until(lambda: SlowReader.cut > cut)
        await until(lambda: not SlowReader.late)


async def test_bytes_that_came_ahead_stop_nothing_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(hot_line, "AHEAD", 1000)
    async with live_box(tmp_path, token_ms=10, tokens=4) as box:
        reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
        for _ in range(2):
            writer.write(request(box))
            await until(lambda: box.serving.one.pool.in_flight)
            writer.write(request(box) * 5)
            for _ in range(6):
                assert (await heard(reader))[0] == 200
        writer.close()


async def test_a_whole_answer_may_be_longer_than_what_is_read_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(stub_engine, "_WORDS", ("字" * 1000,))
    async with live_box(tmp_path, tokens=1000) as box:
        answer = await box.http.post(box.url + CHAT, json=GOOD, headers=box.bearer)
        assert answer.status == 200
        said = (await answer.json())["choices"][0]["message"]["content"]
        assert said == "字" * 1_000_000


async def test_line_ends_between_requests_are_no_request(box, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(HEALTH)
    assert (await heard(reader))[0] == 200

    async def drip() -> None:
        while True:
            writer.write(b"\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    status, fields, raw = await heard(reader)
    dripping.cancel()
    assert (status, fields["connection"]) == (408, "close")
    assert json.loads(raw)["code"] == "request.head-too-slow"
    writer.close()


async def test_the_rest_of_a_refused_body_is_waited_for_no_longer_than_a_body(box, monkeypatch):
    monkeypatch.setattr(wire, "REST_SECONDS", 0.2)
    monkeypatch.setattr(wire, "_LINGER_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    writer.write(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    status, _, raw = await heard(reader)
    assert status == 404, raw
    for _ in range(900):
        writer.write(b" ")
        try:
            if not await asyncio.wait_for(reader.read(1), 0.02):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    else:
        raise AssertionError("it was never closed")
    writer.close()


async def test_bodies_that_are_not_whole_have_one_room_together(box, monkeypatch):
    monkeypatch.setattr(HALVES, "most", 50_000)
    connections = []
    plain = request(box, more="X-Long: yes\r\n").replace(b"Content-Length: ", b"Content-Length: 99")
    packed = request(box).replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX-Length")
    cold = f"POST /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {box.key}\r\n"
    heads = (
        plain,
        packed[: packed.index(b"\r\n\r\n") + 4] + b"fffff\r\n",
        f"{cold}Content-Type: application/json\r\nContent-Length: 90000\r\n\r\n".encode(),
    )
    for head in heads:
        reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
        writer.write(head)
        held = HALVES.held
        writer.write(b" " * 15_000)
        connections.append((reader, writer))
        await until(lambda held=held: HALVES.held >= held + 15_000)
    for reader, writer in connections:
        writer.write(b" " * 30_000)
        status, fields, raw = await heard(reader)
        assert (status, json.loads(raw)["code"]) == (503, "request.crowded")
        assert fields["retry-after"] == "2"
        writer.close()
        break
    for _, writer in connections:
        writer.close()
    await until(lambda: HALVES.held == 0)
    async with box.http.post(box.url + CHAT, json=GOOD, headers=box.bearer) as answer:
        assert answer.status == 200


async def test_one_address_and_all_together_have_so_many_connections(tmp_path):
    crowd = Crowd(8, 4)
    async with live_box(tmp_path, crowd=crowd) as box:

        async def come(address: str):
            return await asyncio.open_connection("127.0.0.1", box.port, local_addr=(address, 0))

        here = [await come("127.0.0.2") for _ in range(4)]
        reader, one_more = await come("127.0.0.2")
        status, fields, raw = await heard(reader)
        assert (status, fields["retry-after"], fields["connection"]) == (503, "2", "close")
        assert json.loads(raw)["code"] == "request.crowded"
        assert "max_connections" in json.loads(raw)["way_out"]
        here += [await come("127.0.0.3") for _ in range(3)]
        reader, others = await come("127.0.0.4")
        assert (await heard(reader))[0] == 503
        for reader, writer in here:
            writer.write(HEALTH)
            assert (await heard(reader))[0] == 200
        for _, writer in (*here, (None, one_more), (None, others)):
            writer.close()
        await until(lambda: crowd.here == 0)
        reader, writer = await come("127.0.0.2")
        writer.write(HEALTH)
        assert (await heard(reader))[0] == 200
        writer.close()


def test_a_flood_is_closed_without_a_word():
    crowd = Crowd(10, 6)
    assert [crowd.come("a") for _ in range(6)] == ["in"] * 6
    assert crowd.come("a") == "full"
    assert [crowd.come("") for _ in range(3)] == ["in"] * 3
    assert [crowd.come("") for _ in range(TOLD)] == ["full"] * TOLD
    assert crowd.come("b") == "flood"
    for address in ["a"] * 7 + [""] * (3 + TOLD) + ["b"]:
        crowd.go(address)
    assert crowd.here == 0
    assert not crowd._of


@pytest.mark.parametrize(
    ("wanted", "descriptors", "most"),
    [(16_384, 65_536, 16_384), (16_384, 16_384, 14_080), (100, 1024, 100), (16_384, 1024, 256)],
)
def test_connections_fit_into_the_descriptors(wanted, descriptors, most):
    assert fitting(wanted, descriptors) == most
    assert fitting(wanted, -1) == wanted


def test_what_is_half_sent_is_counted_whatever_becomes_of_it():
    halves = type(HALVES)(10)
    halves.take(10)
    with pytest.raises(BoxCrowded):
        halves.take(1)
    halves.give_back(11)
    assert halves.held == 0
