"""The plain head: what is read of it at once, what is left to the full parser, and what is remembered."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.api.hot.head import Head, Seen, read_plain_head

PLAIN = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


def test_a_plain_head_is_read():
    head = read_plain_head(PLAIN)
    assert head is not None
    assert (head.path, head.host, head.length) == ("/v1/chat/completions", b"a", 2)
    assert PLAIN[head.start :] == b"{}"
    assert head.keep_alive


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"POST", b"GET"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/2.0"),
        (b"completions HTTP", b"completions?x=1 HTTP"),
        (b"completions HTTP", b"complet%69ons HTTP"),
        (b"Host: a\r\n", b""),
        (b"Host: a", b"Host a"),
        (b"Host: a", b": a"),
        (b"Host: a", b"Ho st: a"),
        (b"Host: a", b"Host: a\x7f"),
        (b"Host: a\r\n", b"Host: a\n"),
        (b"Host: a\r\n", b"Host: a\r\r\n"),
        (b"Length: 2", b"Length: 2, 2"),
        (b"Length: 2", b"Length: 0x2"),
        (b"Length: 2", b"Length: \xb2"),
        (b"Length: 2", b"Length: 99999999999"),
        (b"\r\n\r\n", b"\r\nTE: trailers\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nUpgrade: websocket\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nConnection: upgrade\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n" + b"x" * 20_000 + b"\r\n\r\n"),
    ],
)
def test_an_unusual_head_is_left_to_the_full_parser(old, new):
    assert read_plain_head(PLAIN.replace(old, new, 1)) is None


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_lines_are_judged_the_same_the_second_time(lines):
    seen = Seen()
    block = [line.replace(b"\r\n", b"") for line in lines]
    assert picked(seen, block) == picked(seen, block) == picked(Seen(), block)


NAMES = st.sampled_from(
    b"Host|content-length|Content-Length|Connection|Authorization|AUTHORIZATION|X-Api-Key|x-api-key"
    b"|X-WardBox-Patient|Accept|Te|X Y||Cook\x7fie".split(b"|")
)
VALUES = st.sampled_from(
    b"a|2| 2|2 |\t2|+2|0x2|12345678901|close|Keep-Alive|upgrade|| |k\x00|k\x7f|k\t|\xe7\x97\x85"
    b"|Bearer x".split(b"|")
)


@given(st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" :", b""]), VALUES), max_size=7))
def test_lines_are_read_as_slowly_as_by_the_book(lines):
    """Against a reading without any short cut."""
    block = [b"".join(line) for line in lines]
    assert picked(Seen(), block) == by_the_book(block)


def picked(seen: Seen, lines: list[bytes]):
    head = Head("/", 0)
    if not seen.pick([b"", *lines], head):
        return None
    return (
        head.host, head.length, head.keep_alive, head.authorization, head.api_key, head.patient,
    )  # fmt: skip


def by_the_book(lines: list[bytes]):
    read = (
        "host",
        "content-length",
        "connection",
        "authorization",
        "x-api-key",
        "x-wardbox-patient",
    )
    fields = {}
    for line in lines:
        match = re.fullmatch(rb"([-A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)", line)
        if match is None or match[1].lower() == b"te":
            return None
        name, value = match[1].lower().decode(), match[2].strip(b" \t")
        if name in read and name in fields:
            return None
        fields[name] = value
    length, connection = (
        fields.get("content-length"),
        fields.get("connection", b"keep-alive").lower(),
    )
    if "host" not in fields or length is None or not re.fullmatch(rb"[0-9]{1,10}", length):
        return None
    if connection not in {b"keep-alive", b"close"}:
        return None
    own = (fields.get(name) for name in read[3:])
    return (fields["host"], int(length), connection == b"keep-alive", *own)


def test_what_is_remembered_is_bounded_and_holds_no_key():
    seen = Seen()
    for number in range(5000):
        picked(seen, [b"X-Trace: %d" % number, b"Authorization: Bearer secret", b"Host: a"])
        seen.path(b"POST /v1/%d HTTP/1.1" % number)
    assert len(seen._lines) <= Seen.ROOM
    assert len(seen._paths) <= Seen.ROOM
    assert not any(b"secret" in line for line in seen._lines)
