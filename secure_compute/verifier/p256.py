"""ECDSA over P-256 with SHA-256, verification only, in plain Python (FIPS 186-5, 6.4.2)."""

from __future__ import annotations

import hashlib

P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
P256_KEY_SIZE, P256_SIGNATURE_SIZE = 65, 64


def p256_point(public: bytes) -> tuple[int, int] | None:
    """The point of an uncompressed encoding (0x04, x, y), or None where it is not on the curve."""
    if len(public) != P256_KEY_SIZE or public[:1] != b"\x04":
        return None
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    on_curve = (y * y - (x * x * x - 3 * x + P256_B)) % P256_P == 0
    return (x, y) if on_curve and x < P256_P and y < P256_P else None


def p256_sum(left: tuple[int, int] | None, right: tuple[int, int] | None) -> tuple[int, int] | None:
    """The sum of two points; None is the point at infinity."""
    if left is None or right is None:
        return right if left is None else left
    if left[0] == right[0]:
        if (left[1] + right[1]) % P256_P == 0:
            return None
        slope = (3 * left[0] * left[0] - 3) * pow(2 * left[1], P256_P - 2, P256_P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], P256_P - 2, P256_P)
    x = (slope * slope - left[0] - right[0]) % P256_P
    return x, (slope * (left[0] - x) - left[1]) % P256_P


def p256_times(scalar: int, point: tuple[int, int]) -> tuple[int, int] | None:
    """The multiple of a point; its time depends on the scalar, which is public here."""
    result: tuple[int, int] | None = None
    power: tuple[int, int] | None = point
    while scalar:
        if scalar & 1:
            result = p256_sum(result, power)
        power, scalar = p256_sum(power, power), scalar >> 1
    return result


def p256_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature (r and s in 64 bytes) holds; malformed input simply does not."""
    key = p256_point(public)
    if key is None or len(signature) != P256_SIGNATURE_SIZE:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < P256_N and 0 < s < P256_N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, P256_N - 2, P256_N)
    first = p256_times(digest * inverse % P256_N, P256_BASE)
    found = p256_sum(first, p256_times(r * inverse % P256_N, key))
    return found is not None and found[0] % P256_N == r
