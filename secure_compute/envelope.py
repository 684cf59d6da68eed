"""Sealing of short byte strings: an AEAD with algorithm id, key id and bound context."""

import os
import re
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag

from secure_compute.errors import KeyMalformed, SealBroken, SealMalformed
from secure_compute.secret import Secret, scrub
from secure_compute.suites import AES_256_GCM, cipher, known

NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16

_MAGIC: Final = b"WBE\x01"
_ID: Final = re.compile(rb"[A-Za-z0-9._:/-]{1,128}")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed byte string. Every field is authenticated; none is secret.

    Attributes:
        algorithm: `aes-256-gcm` or `sm4-gcm`.
        key_id: Which key opens it; 1-128 letters, digits and `._:/-`.
        nonce: 12 random bytes.
        ciphertext: As long as the plaintext, and 16 bytes of tag.
    """

    algorithm: str
    key_id: str
    nonce: bytes
    ciphertext: bytes

    @property
    def header(self) -> bytes:
        """Format version, algorithm, key id and nonce: the authenticated beginning of the bytes."""
        return header_bytes(_MAGIC, self.algorithm, self.key_id) + self.nonce

    def to_bytes(self) -> bytes:
        """Header and ciphertext."""
        return self.header + self.ciphertext

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read sealed bytes; says nothing yet about their truth.

        Raises:
            SealMalformed: They break the format.
            AlgorithmUnknown: The algorithm is not known to this release.
        """
        algorithm, key_id, at = read_header(data, _MAGIC)
        if len(data) < at + NONCE_SIZE + TAG_SIZE:
            raise SealMalformed(reason="it is too short")
        return cls(algorithm, key_id, data[at : at + NONCE_SIZE], data[at + NONCE_SIZE :])


def seal(
    plaintext: bytes | memoryview,
    key: Secret,
    key_id: str,
    aad: bytes = b"",
    algorithm: str = AES_256_GCM,
) -> Sealed:
    """Seal a byte string.

    A key may seal at most 2^32 strings, since nonces are random (NIST SP 800-38D 8.3).

    Args:
        plaintext: At most 2^31 - 1 bytes; larger content goes through `stream`.
        key: 32 bytes.
        key_id: Name of the key, written into the header.
        aad: Context that must be the same when opening (record id, use); it is not stored.
        algorithm: `aes-256-gcm` or `sm4-gcm`; the reader takes it from the envelope.

    Raises:
        KeyMalformed: The key is not 32 bytes, or the key id has a forbidden shape.
        AlgorithmUnknown: There is no such algorithm.
    """
    empty = Sealed(algorithm, key_id, os.urandom(NONCE_SIZE), b"")
    ciphertext = cipher(algorithm, key).encrypt(empty.nonce, plaintext, empty.header + aad)
    return Sealed(algorithm, key_id, empty.nonce, ciphertext)


def unseal(sealed: Sealed, key: Secret, aad: bytes = b"") -> bytes:
    """Open a sealed byte string.

    Raises:
        SealBroken: Another key, another context, or altered bytes.
    """
    try:
        opener = cipher(sealed.algorithm, key)
        return opener.decrypt(sealed.nonce, sealed.ciphertext, sealed.header + aad)
    except InvalidTag:
        raise SealBroken from None


def unseal_key(sealed: Sealed, key: Secret, aad: bytes = b"") -> Secret:
    """Open a sealed key into locked memory; the library's copy is overwritten.

    Raises:
        SealBroken: Another key, another context, or altered bytes.
    """
    plain = unseal(sealed, key, aad)
    made = Secret(plain)
    scrub(plain)
    return made


def header_bytes(magic: bytes, algorithm: str, key_id: str) -> bytes:
    """Magic with version, then algorithm and key id with a length byte each."""
    parts = [algorithm.encode(), key_id.encode()]
    if not all(_ID.fullmatch(part) for part in parts):
        raise KeyMalformed(reason="a key id has 1-128 letters, digits and ._:/-")
    return magic + b"".join(bytes([len(part)]) + part for part in parts)


def read_header(data: bytes, magic: bytes) -> tuple[str, str, int]:
    """Algorithm, key id, and where the header ends; SealMalformed or AlgorithmUnknown."""
    if data[: len(magic)] != magic:
        raise SealMalformed(reason="it does not begin like sealed content of this version")
    at, texts = len(magic), []
    for _ in range(2):
        size = data[at] if at < len(data) else 0
        part = data[at + 1 : at + 1 + size]
        if len(part) != size or not _ID.fullmatch(part):
            raise SealMalformed(reason="its header is damaged")
        texts.append(part.decode("ascii"))
        at += 1 + size
    return known(texts[0]), texts[1], at
