"""Digests that name their algorithm: `sha256:hex`, of bytes, streams and files."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, Self

from typing_extensions import override

from secure_compute.errors import AlgorithmUnknown, DigestMalformed, DigestMismatch

DEFAULT: Final = "sha256"

SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {"sha256": 32, "sha384": 48, "sha512": 64, "sm3": 32}
)
"""Known algorithms and their length in bytes; SM3 (GB/T 32905) depends on the machine's OpenSSL."""

_CHUNK: Final = 1 << 20
_TEXT: Final = re.compile(r"([a-z0-9]{1,16}):([0-9a-f]{64,128})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Digest:
    """A hash value together with the algorithm that made it.

    Attributes:
        algorithm: A key of `SIZES`.
        hex: The value in lower-case hexadecimal.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:hex`.

        Raises:
            DigestMalformed: The text has another shape or the wrong length.
            AlgorithmUnknown: The algorithm is not in `SIZES`.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise DigestMalformed(text=text[:200])
        algorithm, value = match.groups()
        if algorithm not in SIZES:
            raise AlgorithmUnknown(algorithm=algorithm)
        if len(value) != 2 * SIZES[algorithm]:
            raise DigestMalformed(text=text[:200])
        return cls(algorithm, value)

    @property
    def raw(self) -> bytes:
        """The value as bytes."""
        return bytes.fromhex(self.hex)

    def matches(self, other: "Digest") -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(str(self).encode(), str(other).encode())

    def require(self, actual: "Digest", what: str) -> None:
        """Demand that `actual` is this digest.

        Raises:
            DigestMismatch: It is another; `what` names the thing in the sentence.
        """
        if not self.matches(actual):
            raise DigestMismatch(what=what, expected=str(self), actual=str(actual))

    @override
    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def digest_bytes(data: bytes, algorithm: str = DEFAULT) -> Digest:
    """Digest a byte string."""
    hasher = _hasher(algorithm)
    hasher.update(data)
    return Digest(algorithm, hasher.hexdigest())


def digest_stream(stream: BinaryIO, algorithm: str = DEFAULT) -> Digest:
    """Digest what is left of a binary stream, 1 MiB at a time."""
    hasher = _hasher(algorithm)
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := stream.readinto(buffer):  # type: ignore[attr-defined]  # every binary file has it
        hasher.update(view[:count])
    return Digest(algorithm, hasher.hexdigest())


def digest_file(path: Path, algorithm: str = DEFAULT) -> Digest:
    """Digest a file without holding it in memory."""
    # Unbuffered: the digest reads into a buffer of its own.
    with path.open("rb", buffering=0) as stream:
        return digest_stream(stream, algorithm)


def _hasher(algorithm: str) -> "hashlib._Hash":
    if algorithm not in SIZES:
        raise AlgorithmUnknown(algorithm=algorithm)
    try:
        return hashlib.new(algorithm, usedforsecurity=True)
    except ValueError as error:
        raise AlgorithmUnknown(algorithm=algorithm) from error
