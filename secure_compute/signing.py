"""Signature keys: Ed25519, and SM2 with SM3, each under an algorithm id that formats carry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from typing_extensions import override

from secure_compute.errors import AlgorithmUnknown, KeyMalformed, SignatureInvalid
from secure_compute.plug import PLUG
from secure_compute.secret import Secret

ED25519: Final = "ed25519"
SM2_SM3: Final = "sm2-sm3"


class SignatureAlgorithm(Protocol):
    """One signature scheme; a row of `ALGORITHMS`."""

    seed_size: int
    public_size: int

    def public_of(self, seed: bytes) -> bytes:
        """The encoded public key of a seed."""
        ...

    def signer(self, seed: bytes) -> Callable[[bytes], bytes]:
        """What signs messages with this seed; loading a key once saves half of each signature."""
        ...

    def verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the signature holds; False for malformed input too."""
        ...


class Ed25519(SignatureAlgorithm):
    """Ed25519 of RFC 8032: 32-byte seeds and public keys, 64-byte signatures."""

    seed_size = 32
    public_size = 32

    @override
    def public_of(self, seed: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

    @override
    def signer(self, seed: bytes) -> Callable[[bytes], bytes]:
        return Ed25519PrivateKey.from_private_bytes(seed).sign

    @override
    def verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Sm2(SignatureAlgorithm):
    """SM2 with SM3 (GB/T 32918.2): 32-byte scalars, points of 65 bytes, r and s in 64."""

    seed_size = 32
    public_size = 65

    @override
    def public_of(self, seed: bytes) -> bytes:
        return PLUG.module.sm2_public(seed)

    @override
    def signer(self, seed: bytes) -> Callable[[bytes], bytes]:
        return partial(PLUG.module.sm2_sign, seed)

    @override
    def verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        return PLUG.module.sm2_verify(public, signature, message)


ALGORITHMS: Final[Mapping[str, SignatureAlgorithm]] = MappingProxyType(
    {ED25519: Ed25519(), SM2_SM3: Sm2()}
)
"""Algorithm id -> scheme. A new scheme is a class and a row; ids stand in every format."""


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key that checks signatures.

    Attributes:
        public: The encoded key; 32 bytes for Ed25519.
        algorithm: A key of `ALGORITHMS`.
    """

    public: bytes
    algorithm: str = ED25519

    def __post_init__(self) -> None:
        if len(self.public) != _scheme(self.algorithm).public_size:
            raise KeyMalformed(reason="the key has {size} bytes", size=len(self.public))

    @classmethod
    def from_bytes(cls, public: bytes, algorithm: str = ED25519) -> Self:
        """Take an encoded public key.

        Raises:
            KeyMalformed: The length is wrong.
            AlgorithmUnknown: The algorithm is not in `ALGORITHMS`.
        """
        return cls(bytes(public), algorithm)

    @property
    def key_id(self) -> str:
        """32 hexadecimal digits: half of SHA-256 over the algorithm id, a zero byte and the key."""
        return sha256(self.algorithm.encode() + b"\x00" + self.public).hexdigest()[:32]

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check a signature.

        Raises:
            SignatureInvalid: It is not this key's signature over this message.
        """
        if not _scheme(self.algorithm).verify(self.public, signature, message):
            raise SignatureInvalid(
                reason="it is not by key {key}, or the content was changed", key=self.key_id
            )


class SigningKey:
    """A private key that signs; the seed lives in a `Secret`."""

    __slots__ = ("_seed", "_sign", "algorithm", "verify_key")

    def __init__(self, seed: Secret, algorithm: str = ED25519) -> None:
        """Take over a seed.

        Raises:
            KeyMalformed: The seed has the wrong length.
            AlgorithmUnknown: The algorithm is not in `ALGORITHMS`.
        """
        scheme = _scheme(algorithm)
        if len(seed) != scheme.seed_size:
            raise KeyMalformed(reason="the key has {size} bytes", size=len(seed))
        self._seed = seed
        self._sign: Callable[[bytes], bytes] | None = None
        self.algorithm: Final = algorithm
        self.verify_key: Final = VerifyKey(scheme.public_of(seed.reveal()), algorithm)

    @classmethod
    def generate(cls, algorithm: str = ED25519) -> Self:
        """A fresh random key."""
        return cls(Secret.random(_scheme(algorithm).seed_size), algorithm)

    @classmethod
    def from_seed(cls, seed: bytes | bytearray, algorithm: str = ED25519) -> Self:
        """The key of a stored or derived seed (copied; wipe your own copy)."""
        return cls(Secret(seed), algorithm)

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.verify_key.key_id

    def sign(self, message: bytes) -> bytes:
        """Sign; KeyMalformed after `wipe`."""
        if self._sign is None:
            self._sign = _scheme(self.algorithm).signer(self._seed.reveal())
        return self._sign(message)

    def seed(self) -> bytes:
        """A copy of the seed, for a process of the box's own that signs in its place."""
        return bytes(self._seed.reveal())

    def wipe(self) -> None:
        """Forget the seed and what was loaded from it."""
        self._seed.wipe()
        self._sign = None

    @override
    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm}, {self.key_id})"


def _scheme(algorithm: str) -> SignatureAlgorithm:
    try:
        return ALGORITHMS[algorithm]
    except KeyError:
        raise AlgorithmUnknown(algorithm=algorithm) from None
