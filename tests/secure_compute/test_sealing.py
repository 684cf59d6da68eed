"""Envelopes, sealed streams and secrets: every altered byte, cut, swap and splice is refused."""

import io
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_compute.envelope import Sealed, seal, unseal
from secure_compute.errors import AlgorithmUnknown, KeyMalformed, SealBroken, SealMalformed
from secure_compute.secret import Secret
from secure_compute.stream import (
    CHUNK,
    StreamKey,
    seal_file,
    seal_stream,
    unseal_file,
    unseal_stream,
)

REFUSALS = (SealBroken, SealMalformed, AlgorithmUnknown)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_an_envelope_opens_to_what_was_sealed(plain, aad):
    key = Secret.random()
    sealed = seal(plain, key, "audit/1", aad)
    again = Sealed.parse(sealed.to_bytes())
    assert again == sealed
    assert again.key_id == "audit/1"
    assert unseal(again, key, aad) == plain
    with pytest.raises(SealBroken):
        unseal(again, key, aad + b"x")
    with pytest.raises(SealBroken):
        unseal(again, Secret.random(), aad)


def test_every_changed_bit_and_every_cut_of_an_envelope_is_refused():
    key = Secret.random()
    data = seal(b"four", key, "k", b"context").to_bytes()
    for at in range(len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            with pytest.raises(REFUSALS):
                unseal(Sealed.parse(bytes(bad)), key, b"context")
        with pytest.raises(REFUSALS):
            unseal(Sealed.parse(data[:at]), key, b"context")
    with pytest.raises(SealBroken):
        unseal(Sealed.parse(data + b"\0"), key, b"context")


def test_header_and_context_cannot_be_shifted_into_each_other():
    key = Secret.random()
    sealed = seal(b"", key, "k", b"ab")
    moved = Sealed(sealed.algorithm, sealed.key_id, sealed.nonce + b"a", sealed.ciphertext)
    with pytest.raises((SealBroken, ValueError)):
        unseal(moved, key, b"b")


@pytest.mark.parametrize("key_id", ["", "a" * 129, "sp ace", "\u952e", "a\n"])
def test_key_ids_have_a_shape(key_id):
    with pytest.raises(KeyMalformed):
        seal(b"", Secret.random(), key_id)
    with pytest.raises(KeyMalformed):
        seal(b"", Secret(b"short"), "k")


KEY = StreamKey(Secret(bytes(range(32))), "files/1", b"dataset 7")


def _sealed(plain: bytes, key: StreamKey = KEY) -> bytes:
    out = io.BytesIO()
    assert seal_stream(io.BytesIO(plain), out, key) == len(plain)
    return out.getvalue()


def _opened(data: bytes, key: StreamKey = KEY) -> bytes:
    out = io.BytesIO()
    unseal_stream(io.BytesIO(data), out, key)
    return out.getvalue()


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]


@pytest.mark.parametrize("size", SIZES)
def test_streams_of_every_size_come_back(size):
    plain = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert _opened(_sealed(plain)) == plain


class _Trickle(io.BytesIO):
    def read(self, size=-1, /):
        return super().read(min(size, 70_001))


def test_a_source_that_gives_little_at_a_time():
    plain = b"ab" * CHUNK
    out = io.BytesIO()
    seal_stream(_Trickle(plain), out, KEY)
    back = io.BytesIO()
    assert unseal_stream(_Trickle(out.getvalue()), back, KEY) == len(plain)
    assert back.getvalue() == plain


def test_cut_reordered_doubled_and_spliced_streams_are_refused():
    plain = b"a" * CHUNK + b"b" * CHUNK + b"c" * 10
    data = _sealed(plain)
    start, size = len(data) - len(plain) - 3 * 16, CHUNK + 16
    header, one, two, last = (
        data[:start],
        data[start : start + size],
        data[start + size : start + 2 * size],
        data[start + 2 * size :],
    )
    assert header + one + two + last == data
    other = _sealed(plain)
    bad = [
        header + one + two,
        header + one,
        header,
        header + two + one + last,
        header + one + one + two + last,
        header + one + last,
        header + last,
        data[:-1],
        data + b"x",
        data + last,
        header + one + two[:-1],
        other[:start] + one + two + last,
        header + other[start:],
        data[: start - 1],
        b"",
        data[:3],
        data[:9],
    ]
    for damaged in bad:
        with pytest.raises(REFUSALS):
            _opened(damaged)


def test_every_changed_byte_of_a_small_stream_is_refused():
    data = _sealed(b"patient")
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x41
        with pytest.raises(REFUSALS):
            _opened(bytes(bad))


def test_another_key_or_context_is_refused_before_anything_is_written():
    data = _sealed(b"patient")
    for key in (
        StreamKey(Secret.random(), KEY.key_id, KEY.aad),
        StreamKey(KEY.key, "files/2", KEY.aad),
        StreamKey(KEY.key, KEY.key_id, b"dataset 8"),
    ):
        with pytest.raises(SealBroken):
            _opened(data, key)
    with pytest.raises(KeyMalformed):
        _sealed(b"", StreamKey(Secret(b"short"), "k"))


def test_files_appear_whole_or_not_at_all(tmp_path):
    plain, sealed, back = tmp_path / "plain", tmp_path / "sealed", tmp_path / "back"
    plain.write_bytes(b"x" * (CHUNK + 3))
    seal_file(plain, sealed, KEY)
    assert b"xxxx" not in sealed.read_bytes()
    unseal_file(sealed, back, KEY)
    assert back.read_bytes() == plain.read_bytes()
    assert back.stat().st_mode & 0o777 == 0o600
    back.unlink()
    sealed.write_bytes(sealed.read_bytes()[:-20])
    with pytest.raises(SealBroken):
        unseal_file(sealed, back, KEY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain", "sealed"]


def test_a_secret_is_not_printed_copied_or_kept():
    secret = Secret(b"hunter2 hunter2")
    assert "hunter2" not in repr(secret) + str(secret) + f"{secret}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    buffer = secret.view()
    with secret:
        assert secret == Secret(b"hunter2 hunter2")
        assert secret != Secret(b"hunter3 hunter3")
    assert bytes(buffer) == bytes(15)
    assert len(secret) == 0
    with pytest.raises(KeyMalformed):
        secret.reveal()
    secret.wipe()
