"""The suites: international and Chinese commercial cryptography, each a set of algorithm ids.

Every envelope names its algorithm, so a reader opens both whatever its box is set to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secure_compute.errors import AlgorithmUnknown, KeyMalformed
from secure_compute.plug import PLUG
from secure_compute.secret import Secret

AES_256_GCM: Final = "aes-256-gcm"
SM4_GCM: Final = "sm4-gcm"
KEY_SIZE: Final = 32
"""Bytes of a key of the box, whatever cipher it serves; SM4 takes 16 that are derived from them."""

_SM4_INFO: Final = b"wardbox/v1/sm4-gcm"


class Aead(Protocol):
    """What seals and opens with one key; nonces have 12 bytes, tags 16 and stand at the end."""

    def encrypt(self, nonce: bytes, data: bytes | memoryview, aad: bytes | None) -> bytes:
        """Ciphertext and tag."""

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """Plaintext; cryptography.exceptions.InvalidTag when it is not authentic."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One set of algorithms.

    Attributes:
        id: How settings and views name it.
        aead: Seals envelopes, wrapped keys and streams.
        hash: For derivations (HKDF) of what the suite seals.
        signatures: What signs certificates of destruction and backups; more than one sign together.
        zh: What it is, in Chinese.
        en: What it is, in English.
    """

    id: str
    aead: str
    hash: str
    signatures: tuple[str, ...]
    zh: str
    en: str


SUITES: Final[Mapping[str, Suite]] = MappingProxyType(
    {
        suite.id: suite
        for suite in (
            Suite(
                "international",
                AES_256_GCM,
                "sha256",
                ("ed25519",),
                "国际算法:AES-256-GCM、SHA-256、Ed25519",
                "international: AES-256-GCM, SHA-256, Ed25519",
            ),
            Suite(
                "sm",
                SM4_GCM,
                "sm3",
                ("ed25519", "sm2-sm3"),
                "商用密码:SM4-GCM、SM3、SM2(与 Ed25519 双签)",
                "Chinese commercial: SM4-GCM, SM3, SM2 (beside Ed25519)",
            ),
        )
    }
)
INTERNATIONAL: Final = SUITES["international"]
CHINESE: Final = SUITES["sm"]

_HASHES: Final[Mapping[str, type[HashAlgorithm]]] = MappingProxyType(
    {AES_256_GCM: SHA256, SM4_GCM: SM3}
)


def known(algorithm: str) -> str:
    """An algorithm id that seals.

    Raises:
        AlgorithmUnknown: This release does not know it.
    """
    if algorithm not in _HASHES:
        raise AlgorithmUnknown(algorithm=algorithm)
    return algorithm


def cipher(algorithm: str, key: Secret) -> Aead:
    """What seals under a key of 32 bytes.

    Raises:
        KeyMalformed: The key has another length.
        AlgorithmUnknown: This release does not know the algorithm.
    """
    if len(key) != KEY_SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    if known(algorithm) == AES_256_GCM:
        return AESGCM(key.view())
    with expand(algorithm, key, 16, _SM4_INFO) as short:
        return PLUG.module.sm4_gcm(short.reveal())


def expand(
    algorithm: str, key: Secret, size: int, info: bytes, salt: bytes | None = None
) -> Secret:
    """HKDF (RFC 5869) with the hash that goes with an algorithm, into locked memory."""
    made = Secret(bytes(size))
    HKDF(_HASHES[known(algorithm)](), size, salt, info).derive_into(key.view(), made.view())
    return made
