"""Ed25519 signature verification in plain Python, RFC 8032 5.1.7: slow, small, dependable."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
KEY_SIZE, SIGNATURE_SIZE = 32, 64


class Point:
    """A point of edwards25519 in extended coordinates: x/z, y/z, and t = xy/z."""

    def __init__(self, x: int, y: int, z: int, t: int) -> None:
        self.x, self.y, self.z, self.t = x, y, z, t

    def plus(self, other: Point) -> Point:
        """The sum (RFC 8032 5.1.4)."""
        left = (self.y - self.x) * (other.y - other.x) % P
        right = (self.y + self.x) * (other.y + other.x) % P
        t, z = 2 * self.t * other.t * D % P, 2 * self.z * other.z % P
        e, f, g, h = right - left, z - t, z + t, right + left
        return Point(e * f % P, g * h % P, f * g % P, e * h % P)

    def times(self, scalar: int) -> Point:
        """The multiple; its time depends on the scalar, which is public here."""
        result, power = Point(0, 1, 1, 0), self
        while scalar:
            if scalar & 1:
                result = result.plus(power)
            power, scalar = power.plus(power), scalar >> 1
        return result

    def equals(self, other: Point) -> bool:
        """Whether both are the same point."""
        x = (self.x * other.z - other.x * self.z) % P
        return x == 0 and (self.y * other.z - other.y * self.z) % P == 0


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
    return Point(x, y, 1, x * y % P)


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds; malformed input simply does not."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    key, commitment = decode_point(public), decode_point(signature[:32])
    base = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or base is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    return base.times(s).equals(commitment.plus(key.times(challenge)))
