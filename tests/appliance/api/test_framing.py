"""One message, one answer, in its order: what uvicorn leaves open of HTTP/1.1 (RFC 9112)."""

import asyncio
import json
import re

import pytest

from appliance.api import wire
from tests.appliance.api.attacks import CHAT, GOOD, HEALTH, module, say
from tests.appliance.api.box import LiveBox

pytestmark = module
HEAD = b"\r\nHost: localhost\r\n"
WRONG = b"GET / HTTP/9.9\r\n\r\n"
EVENTS = "/api/v1/events"


def post(box: LiveBox, path: str, body: bytes, *more: str, version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", f"Authorization: Bearer {box.key}", *more]
    if not any(line.startswith("Transfer-Encoding") for line in more):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat(box: LiveBox, *more: str, version: str = "1.1", **wish: object) -> bytes:
    body = json.dumps({**GOOD, **wish}).encode()
    return post(box, CHAT, body, *more, version=version)


async def all_of(box: LiveBox, *pieces: bytes) -> bytes:
    """Everything until the box closes the connection."""
    reader, writer = await say(box, pieces[0])
    for piece in pieces[1:]:
        await asyncio.sleep(0.05)
        writer.write(piece)
    try:
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


def statuses(got: bytes) -> list[int]:
    return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3})", got)]


@pytest.fixture(autouse=True)
def no_linger(monkeypatch):
    monkeypatch.setattr(wire, "_LINGER_S", 0.1)


@pytest.mark.parametrize("path", [CHAT, "/v1/batches", "/api/v1/keys", "/api/v1/nowhere"])
@pytest.mark.parametrize("chunk", [b"0xd\r\n", b"-1\r\n", b"d;a\nb\r\n", b"zz\r\n"])
@pytest.mark.parametrize("split", [False, True])
async def test_a_request_whose_body_is_wrong_has_one_answer(shared_box, path, chunk, split):
    start = post(shared_box, path, b"", "Host: localhost", "Transfer-Encoding: chunked")
    pieces = (start, chunk + HEALTH) if split else (start + chunk + HEALTH,)
    got = statuses(await all_of(shared_box, *pieces))
    # One that was answered before its body came keeps that answer.
    assert len(got) == 1
    assert 400 <= got[0] < 500


async def test_a_wrong_request_is_told_behind_the_answers_before_it(shared_box):
    odd = chat(shared_box, "Host: localhost", "Content-Encoding: identity")
    for ahead in ([HEALTH], [odd], [odd, HEALTH, odd], [chat(shared_box, "Host: localhost"), odd]):
        got = await all_of(shared_box, b"".join(ahead) + WRONG)
        assert statuses(got) == [200] * len(ahead) + [400]
        assert json.loads(got.rpartition(b"\r\n\r\n")[2])["code"] == "request.not-http"


async def test_a_wrong_body_behind_others_is_told_behind_their_answers(shared_box):
    bad = post(shared_box, CHAT, b"zz\r\n", "Host: localhost", "Transfer-Encoding: chunked")
    got = await all_of(shared_box, HEALTH + HEALTH + bad)
    assert statuses(got) == [200, 200, 400]


async def test_nothing_is_said_into_a_stream(shared_box):
    start = f"GET {EVENTS} HTTP/1.1\r\nAuthorization: Bearer {shared_box.key}".encode() + HEAD
    reader, writer = await say(shared_box, start + b"\r\n")
    got = await asyncio.wait_for(reader.readuntil(b": open\n\n\r\n"), 30)
    writer.write(WRONG)
    with pytest.raises(TimeoutError):
        got += await asyncio.wait_for(reader.readuntil(b"request.not-http"), 0.5)
    writer.close()
    assert statuses(got) == [200]


async def test_a_client_of_http_1_0_gets_no_chunks(shared_box):
    """A proxy may speak it without being told to: nginx does."""
    got = await all_of(shared_box, chat(shared_box, "Host: localhost", version="1.0", stream=True))
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"\n\ndata: [DONE]\n\n")


async def test_old_clients_get_events_as_they_come(shared_box):
    start = f"GET {EVENTS} HTTP/1.0\r\nAuthorization: Bearer {shared_box.key}".encode() + HEAD
    reader, writer = await say(shared_box, start + b"\r\n")
    got = await asyncio.wait_for(reader.readuntil(b": open\n\n"), 30)
    writer.close()
    assert b"transfer-encoding" not in got
    assert got.endswith(b"\r\n\r\n: open\n\n")


async def test_who_sent_all_and_reads_to_the_end_is_not_kept_waiting(shared_box, monkeypatch):
    monkeypatch.setattr(wire, "_LINGER_S", 3600.0)
    got = await all_of(shared_box, chat(shared_box, "Host: localhost", "Connection: close"))
    assert statuses(got) == [200]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("https://localhost" + CHAT, "localhost", 200),
        ("https://localhost:8443" + CHAT, "evil.example", 200),
        ("https://[::1]:8443" + CHAT, "evil.example", 200),
        ("https://evil.example" + CHAT, "localhost", 421),
        ("https://localhost@evil.example" + CHAT, "localhost", 421),
        (CHAT, "evil.example", 421),
        (CHAT, "[::1]:8443", 200),
        (CHAT, "[::1].evil.example", 421),
    ],
)
async def test_the_host_is_what_the_target_says(shared_box, target, host, status):
    body = json.dumps(GOOD).encode()
    got = await all_of(
        shared_box, post(shared_box, target, body, f"Host: {host}", "Connection: close")
    )
    assert statuses(got) == [status]


@pytest.mark.parametrize("path", [CHAT, "/v1/batches"])
@pytest.mark.parametrize("second", ["localhost", "evil.example"])
async def test_two_hosts_are_no_request(shared_box, path, second):
    raw = post(shared_box, path, b"{}", "Host: localhost", f"Host: {second}")
    assert statuses(await all_of(shared_box, raw + HEALTH)) == [400]


@pytest.mark.parametrize("version", ["0.9", "2.0"])
async def test_another_version_is_no_request(shared_box, version):
    raw = chat(shared_box, "Host: localhost", version=version)
    assert statuses(await all_of(shared_box, raw)) == [400]


@pytest.mark.parametrize("path", [CHAT, "/v1/batches", "/v1/files"])
async def test_a_coded_transfer_is_not_taken_for_its_content(shared_box, path):
    coding = "Transfer-Encoding: gzip, chunked"
    raw = post(shared_box, path, b"2\r\n{}\r\n0\r\n\r\n", "Host: localhost", coding)
    got = await all_of(shared_box, raw + WRONG)
    assert statuses(got) == [415, 400]
    assert b"request.encoding-refused" in got


TRAILED = b"2\r\n{}\r\n0\r\n"


@pytest.mark.parametrize("path", [CHAT, "/v1/batches", "/api/v1/keys"])
@pytest.mark.parametrize("split", [False, True])
async def test_a_trailer_is_no_header(shared_box, path, split):
    """What a proxy in front took out of the head does not come in behind the body."""
    key = f"Authorization: Bearer {shared_box.key}".encode()
    start = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    pieces = (
        [start, TRAILED + key + b"\r\n\r\n"] if split else [start + TRAILED + key + b"\r\n\r\n"]
    )
    assert statuses(await all_of(shared_box, *pieces, WRONG))[0] == 401


async def test_a_trailer_takes_nothing_from_a_request(shared_box):
    body = json.dumps(GOOD).encode()
    chunks = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer x\r\nHost: evil.example\r\nX-A: b\r\n\r\n"
    raw = post(shared_box, CHAT, b"", "Host: localhost", "Transfer-Encoding: chunked")
    got = await all_of(shared_box, raw + chunks % (len(body), body) + HEALTH + WRONG)
    assert statuses(got) == [200, 200, 400]


@pytest.mark.parametrize("path", [CHAT, "/api/v1/nowhere"])
@pytest.mark.parametrize(
    ("before", "unit"),
    [
        (TRAILED, b"X-A: " + b"b" * 60 + b"\r\n"),
        (TRAILED + b"X-B: ", b"b" * 64),
        (b"2;", b"b" * 64),
    ],
)
async def test_trailers_and_notes_on_chunks_are_bounded(
    shared_box, monkeypatch, before, unit, path
):
    monkeypatch.setattr(wire, "LONGEST_HEAD", 20_000)
    held = wire.BoxProtocol.heads_under_way
    raw = post(shared_box, path, b"", "Host: localhost", "Transfer-Encoding: chunked")
    got = await all_of(shared_box, raw, before, *[unit * 100] * 5)
    assert statuses(got) == [431 if path == CHAT else 404]
    assert wire.BoxProtocol.heads_under_way == held


async def test_a_client_that_leaves_within_its_body_is_no_fault(shared_box, caplog):
    raw = post(shared_box, CHAT, b"zz\r\n", "Host: localhost", "Transfer-Encoding: chunked")
    assert statuses(await all_of(shared_box, raw)) == [400]
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
