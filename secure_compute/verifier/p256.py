"""ECDSA verification over P-256 in plain Python (FIPS 186-5 6.4.2), for cosignatures by a TPM's key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Jacobian = tuple[int, int, int]

FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
GROUP_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
CURVE_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GENERATOR: Jacobian = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
INFINITY: Jacobian = (1, 1, 0)
POINT_SIZE, HALF_SIZE = 65, 32


def twice(point: Jacobian) -> Jacobian:
    """Twice a point in Jacobian coordinates: x/z^2, y/z^3, on a curve with a = -3."""
    x, y, z = point
    square, delta = y * y % FIELD, z * z % FIELD
    beta = x * square % FIELD
    slope = 3 * (x - delta) * (x + delta) % FIELD
    across = (slope * slope - 8 * beta) % FIELD
    up = (slope * (4 * beta - across) - 8 * square * square) % FIELD
    return across, up, ((y + z) * (y + z) - square - delta) % FIELD


def plus(one: Jacobian, other: Jacobian) -> Jacobian:
    """The sum of two points."""
    if not one[2]:
        return other
    if not other[2]:
        return one
    square, other_square = one[2] * one[2] % FIELD, other[2] * other[2] % FIELD
    x, other_x = one[0] * other_square % FIELD, other[0] * square % FIELD
    y, other_y = one[1] * other[2] * other_square % FIELD, other[1] * one[2] * square % FIELD
    if x == other_x:
        return twice(one) if y == other_y else INFINITY
    run, rise = (other_x - x) % FIELD, (other_y - y) % FIELD
    run_square = run * run % FIELD
    cube, base = run * run_square % FIELD, x * run_square % FIELD
    across = (rise * rise - cube - 2 * base) % FIELD
    return across, (rise * (base - across) - y * cube) % FIELD, one[2] * other[2] * run % FIELD


def p256_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature (r and s, 64 bytes) holds; malformed input simply does not.

    Its time depends on key and signature, which are public.
    """
    if len(public) != POINT_SIZE or public[:1] != b"\x04" or len(signature) != 2 * HALF_SIZE:
        return False
    x, y = (int.from_bytes(half, "big") for half in (public[1:33], public[33:]))
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    if max(x, y) >= FIELD or (y * y - x * x * x + 3 * x - CURVE_B) % FIELD:
        return False
    if not (0 < r < GROUP_ORDER and 0 < s < GROUP_ORDER):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, GROUP_ORDER - 2, GROUP_ORDER)
    of_base, of_key = digest * inverse % GROUP_ORDER, r * inverse % GROUP_ORDER
    key: Jacobian = (x, y, 1)
    steps = (None, GENERATOR, key, plus(GENERATOR, key))
    found = INFINITY
    for at in range(max(of_base.bit_length(), of_key.bit_length()) - 1, -1, -1):
        found = twice(found)
        step = steps[(of_base >> at & 1) + 2 * (of_key >> at & 1)]
        found = found if step is None else plus(found, step)
    # r is x modulo the order of the group; x itself is not needed for the comparison.
    square = found[2] * found[2] % FIELD
    return bool(found[2]) and any(
        (candidate * square - found[0]) % FIELD == 0
        for candidate in (r, r + GROUP_ORDER)
        if candidate < FIELD
    )
