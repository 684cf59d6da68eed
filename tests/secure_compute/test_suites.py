"""Both suites: the standards' own examples, envelopes that name their algorithm, a module plugged in."""

import hashlib
import io

import pytest
from typing_extensions import override

from secure_compute.envelope import Sealed, seal, unseal, unseal_key
from secure_compute.errors import (
    AlgorithmUnknown,
    KeyMalformed,
    ModuleRefused,
    SealBroken,
    SealMalformed,
    SignatureInvalid,
)
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.plug import OpenSslModule, Plug, faults
from secure_compute.secret import Secret
from secure_compute.signing import SM2_SM3, SigningKey, VerifyKey
from secure_compute.stream import StreamKey, seal_stream, unseal_stream
from secure_compute.suites import AES_256_GCM, CHINESE, INTERNATIONAL, SM4_GCM, SUITES, cipher

# GB/T 32918.5-2017, A.2.
SEED = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def test_the_examples_of_the_standards():
    assert faults(OpenSslModule()) == []
    module = OpenSslModule()
    # GB/T 32905-2016, A.2: sixteen times "abcd".
    expected = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    assert module.sm3(b"abcd" * 16).hex() == expected
    if "sm3" in hashlib.algorithms_available:
        assert hashlib.new("sm3", b"abcd" * 16).hexdigest() == expected
    key = SigningKey.from_seed(SEED, SM2_SM3)
    key.verify_key.verify(SIGNATURE, b"message digest")
    assert len(key.sign(b"x")) == 64


def test_sm2_refuses_what_it_did_not_sign():
    key = SigningKey.generate(SM2_SM3)
    mine = key.sign("处方".encode())
    key.verify_key.verify(mine, "处方".encode())
    changed = bytes([mine[0] ^ 1]) + mine[1:]
    for signature, message in (
        (changed, "处方"),
        (mine, "处方 "),
        (b"", "处方"),
        (bytes(64), "处方"),
    ):
        with pytest.raises(SignatureInvalid):
            key.verify_key.verify(signature, message.encode())
    with pytest.raises(SignatureInvalid):
        VerifyKey(b"\x04" + bytes(64), SM2_SM3).verify(mine, "处方".encode())
    for seed in (bytes(32), b"\xff" * 32):
        with pytest.raises(KeyMalformed):
            SigningKey.from_seed(seed, SM2_SM3)


def test_sm2_encrypts_to_a_public_key():
    module = OpenSslModule()
    public = module.sm2_public(SEED)
    sealed = module.sm2_encrypt(public, b"a key of 32 bytes, or a short text")
    assert module.sm2_decrypt(SEED, sealed) == b"a key of 32 bytes, or a short text"
    for bad in (b"", sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"x" * 60):
        with pytest.raises(SealBroken):
            module.sm2_decrypt(SEED, bad)
    with pytest.raises(SealBroken):
        module.sm2_decrypt(bytes(31) + b"\x05", sealed)
    for point in (b"", b"\x04" + bytes(64), public[:-1]):
        with pytest.raises(KeyMalformed):
            module.sm2_encrypt(point, b"x")


def test_sm2_opens_the_example_of_the_standard_and_as_much_as_it_encrypts():
    """GB/T 32918.5-2017, A.4.2: x1, y1, C3 and C2 in the ASN.1 of GM/T 0009."""
    module = OpenSslModule()
    example = bytes.fromhex(
        "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
        "042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
        "041321886ca989ca9c7d58087307ca93092d651efa"
    )
    assert module.sm2_decrypt(SEED, example) == b"encryption standard"
    public = module.sm2_public(SEED)
    for size in (1, 65_500, 65_536):
        content = b"\x5a" * size
        assert module.sm2_decrypt(SEED, module.sm2_encrypt(public, content)) == content
    with pytest.raises(KeyMalformed):
        module.sm2_encrypt(public, bytes(65_537))
    for longer in (example + b"\0", example + example):
        with pytest.raises(SealBroken):
            module.sm2_decrypt(SEED, longer)


def test_a_point_of_sm2_has_one_encoding():
    module = OpenSslModule()
    public = module.sm2_public(SEED)
    hybrid = bytes([6 + public[-1] % 2]) + public[1:]
    compressed = bytes([2 + public[-1] % 2]) + public[1:33]
    assert module.sm2_verify(public, SIGNATURE, b"message digest")
    for other in (hybrid, compressed, public + b"\0", public[:-1], b""):
        assert not module.sm2_verify(other, SIGNATURE, b"message digest")
        with pytest.raises(KeyMalformed):
            module.sm2_encrypt(other, b"x")


@pytest.mark.parametrize("algorithm", [AES_256_GCM, SM4_GCM])
def test_an_envelope_opens_by_the_algorithm_that_it_names(algorithm):
    key = Secret.random()
    sealed = Sealed.parse(seal(b"text", key, "k/1", b"context", algorithm).to_bytes())
    assert sealed.algorithm == algorithm
    assert unseal(sealed, key, b"context") == b"text"
    assert unseal_key(sealed, key, b"context").reveal() == b"text"
    data = sealed.to_bytes()
    for at in range(4, len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        with pytest.raises((SealBroken, SealMalformed, AlgorithmUnknown)):
            unseal(Sealed.parse(bytes(bad)), key, b"context")


def test_an_envelope_cannot_be_moved_to_the_other_algorithm():
    key = Secret.random()
    sealed = seal(b"text", key, "k/1", algorithm=SM4_GCM)
    for algorithm in (AES_256_GCM,):
        with pytest.raises(SealBroken):
            unseal(Sealed(algorithm, sealed.key_id, sealed.nonce, sealed.ciphertext), key)
    with pytest.raises(AlgorithmUnknown):
        cipher("rot13", key)
    with pytest.raises(AlgorithmUnknown):
        seal(b"text", key, "k/1", algorithm="rot13")


@pytest.mark.parametrize("algorithm", [AES_256_GCM, SM4_GCM])
def test_streams_of_either_suite(algorithm):
    key = StreamKey(Secret.random(), "k/1", b"file 7", algorithm)
    sealed, opened = io.BytesIO(), io.BytesIO()
    content = b"row;" * 400_000
    seal_stream(io.BytesIO(content), sealed, key)
    # The reader is set to the other suite, and reads all the same.
    unseal_stream(io.BytesIO(sealed.getvalue()), opened, StreamKey(key.key, "k/1", b"file 7"))
    assert opened.getvalue() == content
    with pytest.raises(SealBroken):
        unseal_stream(io.BytesIO(sealed.getvalue()[:-1]), io.BytesIO(), key)


def test_a_keyring_opens_what_either_suite_wrapped():
    root = Secret.random()
    one, other = Keyring(root.copy()), Keyring(root.copy(), CHINESE)
    for writer, reader in ((one, other), (other, one)):
        wrapped, key = writer.new_key("box.db")
        assert wrapped.sealed.algorithm == writer.suite.aead
        assert reader.unwrap(WrappedKey.parse(wrapped.to_json())) == key
    moved = one.rewrap(one.new_key("box.db")[0], other)
    assert moved.sealed.algorithm == SM4_GCM
    assert (SUITES["international"], SUITES["sm"]) == (INTERNATIONAL, CHINESE)


def test_a_module_is_taken_only_when_it_computes_right():
    class Certified(OpenSslModule):
        name = "card 1"

    class Wrong(OpenSslModule):
        name = "card 2"

        @override
        def sm3(self, data: bytes) -> bytes:
            return bytes(32)

        @override
        def sm2_verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
            return True

    plug = Plug()
    with pytest.raises(ModuleRefused, match="sm3, sm2"):
        plug.use(Wrong())
    assert plug.module.name.startswith("OpenSSL")
    plug.use(Certified())
    assert plug.module.name == "card 1"
