"""Ed25519 signature verification in plain Python, RFC 8032 5.1.7: small and dependable."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Point = tuple[int, int, int, int]

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
KEY_SIZE, SIGNATURE_SIZE = 32, 64
WINDOW, WINDOWS = 4, 64
IDENTITY: Point = (0, 1, 1, 0)
MULTIPLES_OF_BASE: list[Point] = []


def add(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates: x/z, y/z, and t = xy/z (RFC 8032 5.1.4)."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    left, right = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    t, z = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = right - left, z - t, z + t, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(point: Point) -> Point:
    """Twice a point (RFC 8032 5.1.4)."""
    x, y, z, _ = point
    a, b = x * x % P, y * y % P
    h, g = a + b, a - b
    e, f = h - (x + y) * (x + y), 2 * z * z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiples(point: Point) -> list[Point]:
    """0 to 15 times a point."""
    found = [IDENTITY]
    while len(found) < 1 << WINDOW:
        found.append(add(found[-1], point))
    return found


def decode_point(data: bytes) -> Point | None:
    """The point of a 32-byte encoding, or None (RFC 8032 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def multiples_of_base() -> list[Point]:
    """0 to 15 times the base point, computed once."""
    if not MULTIPLES_OF_BASE:
        base = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
        MULTIPLES_OF_BASE.extend(multiples(base or IDENTITY))
    return MULTIPLES_OF_BASE


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds; malformed input simply does not.

    Its time depends on key and signature, which are public.
    """
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    key, commitment = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    # s * base - challenge * key, four bits of both at a time, must be the commitment.
    x, y, z, t = key
    of_base, of_key = multiples_of_base(), multiples((P - x, y, z, P - t))
    found = IDENTITY
    for at in range(WINDOW * (WINDOWS - 1), -1, -WINDOW):
        for _ in range(WINDOW):
            found = double(found)
        found = add(found, of_base[s >> at & 15])
        found = add(found, of_key[challenge >> at & 15])
    return (
        (found[0] - commitment[0] * found[2]) % P == 0 == (found[1] - commitment[1] * found[2]) % P
    )
