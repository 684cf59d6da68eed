"""Sealed streams written piece by piece and read at any place: whole, or not at all."""

import io
import os
from random import Random

import pytest

from secure_compute.envelope import TAG_SIZE
from secure_compute.errors import SealBroken, SealMalformed
from secure_compute.secret import Secret
from secure_compute.stream import (
    CHUNK,
    SealedWriter,
    StreamKey,
    algorithm_of,
    seal_stream,
    unseal_stream,
)
from secure_compute.stream_reader import SealedReader
from secure_compute.suites import AES_256_GCM, SM4_GCM

KEY = StreamKey(Secret(bytes(range(32))), "family.dataset", b"file 7")


def sealed_of(plain, key=KEY):
    out = io.BytesIO()
    seal_stream(io.BytesIO(plain), out, key)
    return out.getvalue()


def reader_of(sealed, key=KEY):
    return io.BufferedReader(SealedReader(io.BytesIO(sealed), key))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_pieces_of_any_length_make_the_same_stream(size):
    plain, random, out = os.urandom(size), Random(size), io.BytesIO()
    writer, at = SealedWriter(out, KEY), 0
    while at < size:
        step = random.choice((1, 1000, 300_000, CHUNK))
        writer.write(plain[at : at + step])
        at += step
    assert writer.finish() == size
    whole = io.BytesIO()
    assert unseal_stream(io.BytesIO(out.getvalue()), whole, KEY) == size
    assert whole.getvalue() == plain
    assert reader_of(out.getvalue()).read() == plain
    # As long as one that was sealed at once.
    assert len(out.getvalue()) == len(sealed_of(plain))


def test_any_range_is_read():
    plain = os.urandom(2 * CHUNK + 777)
    reader, random = reader_of(sealed_of(plain)), Random(5)
    for _ in range(30):
        start = random.randrange(len(plain) + 10)
        length = random.choice((0, 1, 4096, CHUNK))
        assert reader.seek(start) == start
        assert reader.read(length) == plain[start : start + length]
    assert reader.seek(-7, io.SEEK_END) == len(plain) - 7
    assert reader.read() == plain[-7:]
    assert reader.seek(0) == 0
    assert reader.read(3) == plain[:3]


def test_lines_across_chunks_are_whole():
    lines = [b"%07d" % number + b"x" * 100_000 + b"\n" for number in range(25)]
    with reader_of(sealed_of(b"".join(lines))) as reader:
        assert list(reader) == lines
    assert reader.closed


@pytest.mark.parametrize("algorithm", [AES_256_GCM, SM4_GCM])
def test_each_suite_is_read_whatever_the_box_is_set_to(algorithm):
    key = StreamKey(KEY.key, KEY.key_id, KEY.aad, algorithm)
    sealed = sealed_of(b"rows" * 1000, key)
    assert algorithm_of(io.BytesIO(sealed)) == algorithm
    assert reader_of(sealed).read() == b"rows" * 1000


def test_the_key_may_go_once_it_is_open():
    with Secret(bytes(range(32))) as own:
        key = StreamKey(own, KEY.key_id, KEY.aad)
        reader = reader_of(sealed_of(b"a" * 3000))
        SealedReader(io.BytesIO(sealed_of(b"b")), key)
    assert reader.read() == b"a" * 3000


@pytest.mark.parametrize(
    "harm",
    [
        lambda s: s[:-1],
        lambda s: s[: -(777 + TAG_SIZE)],
        lambda s: s[: -(CHUNK + 777 + 2 * TAG_SIZE)],
        lambda s: s + b"x",
        lambda s: s + s[-(777 + TAG_SIZE) :],
        lambda s: s[:30],
        lambda s: s[: -(CHUNK * 2 + 777 + 3 * TAG_SIZE)],
    ],
)
def test_what_was_cut_or_lengthened_gives_nothing(harm):
    sealed = sealed_of(b"r" * (2 * CHUNK + 777))
    with pytest.raises((SealBroken, SealMalformed)):
        reader_of(harm(sealed))


def test_what_was_altered_inside_is_told_where_it_is_read():
    sealed = bytearray(sealed_of(b"r" * (2 * CHUNK + 777)))
    each, tail = CHUNK + TAG_SIZE, 777 + TAG_SIZE
    sealed[-tail - each - 5] ^= 1  # in the first chunk
    reader = reader_of(bytes(sealed))
    reader.seek(CHUNK)
    assert reader.read(10) == b"r" * 10
    reader.seek(5)
    with pytest.raises(SealBroken):
        reader.read(10)


def test_chunks_do_not_change_places():
    sealed = sealed_of(b"a" * CHUNK + b"b" * CHUNK + b"c")
    each, tail = CHUNK + TAG_SIZE, 1 + TAG_SIZE
    start = len(sealed) - tail - 2 * each
    first, second = sealed[start : start + each], sealed[start + each : start + 2 * each]
    with pytest.raises(SealBroken):
        reader_of(sealed[:start] + second + first + sealed[-tail:]).read()


@pytest.mark.parametrize(
    "other",
    [
        StreamKey(Secret(bytes(32)), KEY.key_id, KEY.aad),
        StreamKey(KEY.key, "files/1", KEY.aad),
        StreamKey(KEY.key, KEY.key_id, b"file 8"),
    ],
)
def test_another_key_or_file_opens_nothing(other):
    with pytest.raises(SealBroken):
        reader_of(sealed_of(b"rows"), other)
