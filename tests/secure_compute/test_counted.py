"""Keys that a TPM holds: what they sign is checked by two implementations, and by nobody else's key."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_compute.counted import TYPE, Count, CountedKey
from secure_compute.errors import NoteMalformed, SignatureInvalid
from secure_compute.note import NoteKey, NoteSignature
from secure_compute.signing import SigningKey
from secure_compute.verifier.p256 import (
    P256_BASE,
    P256_N,
    P256_P,
    p256_sum,
    p256_times,
    p256_verify,
)

TEXT = "wardbox/test\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


def signed(message: bytes, key):
    r, s = decode_dss_signature(key.sign(message, ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.fixture(scope="module")
def private():
    return generate_private_key(SECP256R1())


def test_the_plain_verifier_agrees_with_the_library(private):
    public, signature = point(private), signed(b"message", private)
    assert p256_verify(public, signature, b"message")
    assert not p256_verify(public, signature, b"massage")
    assert not p256_verify(point(generate_private_key(SECP256R1())), signature, b"message")
    for at in (0, 31, 32, 63):
        bad = bytearray(signature)
        bad[at] ^= 1
        assert not p256_verify(public, bytes(bad), b"message")


def test_the_plain_verifier_refuses_what_is_out_of_range(private):
    public, signature = point(private), signed(b"m", private)
    zero, order = bytes(32), P256_N.to_bytes(32, "big")
    for bad in (zero + signature[32:], signature[:32] + zero, order + signature[32:],
                signature[:32] + order, signature[:63], signature + b"\0", b""):  # fmt: skip
        assert not p256_verify(public, bad, b"m")
    off_curve = public[:64] + bytes([public[64] ^ 1])
    too_large = b"\x04" + P256_P.to_bytes(32, "big") + public[33:]
    for bad in (b"", public[:64], b"\x02" + public[1:], off_curve, too_large, b"\x04" + bytes(64)):
        assert not p256_verify(bad, signature, b"m")


def test_the_group_has_its_order():
    assert p256_times(P256_N, P256_BASE) is None
    assert p256_times(P256_N - 1, P256_BASE) == (P256_BASE[0], P256_P - P256_BASE[1])
    assert p256_sum(None, P256_BASE) == p256_sum(P256_BASE, None) == P256_BASE


def test_a_cosignature_binds_time_counter_and_text(private):
    key, count = CountedKey("wardbox/test/cosigner", point(private)), Count(1_700_000_000, 7)
    line = key.line(count, signed(count.message(TEXT), private))
    assert key.check(TEXT, line) == count
    assert CountedKey.parse(key.vkey) == key
    with pytest.raises(SignatureInvalid):
        key.check(TEXT.replace("\n1\n", "\n2\n"), line)
    for at in range(0, len(line.signature), 5):
        bad = bytearray(line.signature)
        bad[at] ^= 1
        with pytest.raises(SignatureInvalid):
            key.check(TEXT, NoteSignature(line.name, line.key_id, bytes(bad)))
    for other in (
        NoteSignature("else", line.key_id, line.signature),
        NoteSignature(line.name, b"abcd", line.signature),
        NoteSignature(line.name, line.key_id, line.signature[:-1]),
        NoteSignature(line.name, line.key_id, line.signature + b"\0"),
        NoteSignature(line.name, line.key_id, b"\xff" * 80),
    ):
        with pytest.raises(SignatureInvalid):
            key.check(TEXT, other)


def test_only_such_a_key_is_read(private):
    key = CountedKey("name", point(private))
    log = NoteKey("name", SigningKey.generate().verify_key)
    damaged = CountedKey("name", key.public[:-1] + bytes([key.public[-1] ^ 1]))
    for bad in ("", "name", log.vkey, key.vkey.replace("name", "nome"), key.vkey[:-4], damaged.vkey,
                "name+00000000+!!!!", "name+00000000+AAAAA", CountedKey("name", b"").vkey):  # fmt: skip
        with pytest.raises(NoteMalformed):
            CountedKey.parse(bad)
    assert TYPE[0] == 0xFF
