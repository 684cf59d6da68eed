"""Ed25519 signing in plain Python, RFC 8032 5.1.5 and 5.1.6, for a witness without any library."""

from __future__ import annotations

import hashlib

from secure_compute.verifier.ed25519 import IDENTITY, ORDER, P, add, double, multiples_of_base

SEED_SIZE = 32


def base_times(scalar: int) -> bytes:
    """The encoding of a multiple of the base point, four bits at a time."""
    found, table = IDENTITY, multiples_of_base()
    for at in range(252, -1, -4):
        for _ in range(4):
            found = double(found)
        # The identity is added as any other point is: which digits are zero does not show.
        found = add(found, table[scalar >> at & 15])
    inverse = pow(found[2], P - 2, P)
    x, y = found[0] * inverse % P, found[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def expanded(seed: bytes) -> tuple[int, bytes]:
    """The secret scalar and the prefix that a seed stands for."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (1 << 254) - 8 | 1 << 254, digest[32:]


def ed25519_public(seed: bytes) -> bytes:
    """The public key of a seed."""
    return base_times(expanded(seed)[0])


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Sign. Python's numbers take time by their size: use it where nobody can measure that."""
    scalar, prefix = expanded(seed)
    public = base_times(scalar)
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    commitment = base_times(nonce)
    digest = hashlib.sha512(commitment + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    return commitment + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")
