"""The witness's own arithmetic against the libraries: signatures, and proofs of growth."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_compute.merkle import MemoryNodes, consistency_proof, leaf_hash, root_of
from secure_compute.verifier.ed25519 import ed25519_verify
from secure_compute.verifier.reading import Head
from secure_compute.witness.growth import grew
from secure_compute.witness.signing import ed25519_public, ed25519_sign

LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]
NODES = MemoryNodes(LEAVES)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_signatures_are_those_of_the_library(seed, message):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert ed25519_public(seed) == key.public_key().public_bytes_raw()
    assert ed25519_sign(seed, message) == key.sign(message)
    assert ed25519_verify(ed25519_public(seed), ed25519_sign(seed, message), message)


def head(size: int) -> Head:
    return Head(size, root_of(LEAVES[:size]) if size else b"")


@pytest.mark.parametrize("new", [1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 40])
def test_growth_is_shown_by_its_proof_alone(new):
    for old in range(1, new + 1):
        proof = consistency_proof(NODES, old, new)
        assert grew(head(old), head(new), proof)
        assert not grew(Head(old, b"\1" * 32), head(new), proof)
        assert not grew(head(old), Head(new, b"\1" * 32), proof)
        assert not grew(head(old), head(new), [*proof, b"\2" * 32])
        assert not grew(head(old), head(new), [*proof, b"short"])
        if proof:
            assert not grew(head(old), head(new), proof[:-1])
            assert not grew(head(old), head(new), [])
            assert not grew(head(old), head(new), [b"\3" * 32, *proof[1:]])
            assert not grew(head(new), head(old), proof)
    assert grew(Head(0, b""), head(new), [])
    assert not grew(Head(0, b""), head(new), [b"\0" * 32])
