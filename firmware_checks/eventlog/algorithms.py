"""The hash algorithms a TPM bank can have, by their TCG numbers."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One hash algorithm of the TCG Algorithm Registry.

    Attributes:
        number: TPM_ALG_ID.
        bank: Name of the PCR bank, such as "SHA256".
        size: Length of a digest in bytes.
        library: Name that hashlib knows it by; empty when we cannot compute it.
    """

    number: int
    bank: str
    size: int
    library: str

    def digest(self, data: bytes) -> bytes:
        """The digest of `data`, `size` bytes."""
        return hashlib.new(self.library, data, usedforsecurity=False).digest()

    def digest_of(self, parts: Iterable[memoryview]) -> bytes:
        """The digest over parts that stand behind one another; nothing is copied."""
        state = hashlib.new(self.library, usedforsecurity=False)
        for part in parts:
            state.update(part)
        return state.digest()

    @property
    def computable(self) -> bool:
        """Whether the library here computes it (SM3 is left out of some OpenSSL builds)."""
        return self.library in hashlib.algorithms_available


# TCG Algorithm Registry, revision 1.34, table 3.
SHA1 = Algorithm(0x0004, "SHA1", 20, "sha1")
SHA256 = Algorithm(0x000B, "SHA256", 32, "sha256")
ALGORITHMS = (
    SHA1,
    SHA256,
    Algorithm(0x000C, "SHA384", 48, "sha384"),
    Algorithm(0x000D, "SHA512", 64, "sha512"),
    Algorithm(0x0012, "SM3_256", 32, "sm3"),
    Algorithm(0x0027, "SHA3_256", 32, "sha3_256"),
    Algorithm(0x0028, "SHA3_384", 48, "sha3_384"),
    Algorithm(0x0029, "SHA3_512", 64, "sha3_512"),
)
_BY_NUMBER = {algorithm.number: algorithm for algorithm in ALGORITHMS}


def known(number: int) -> Algorithm | None:
    """The algorithm with this TPM_ALG_ID, or None when the registry entry is not one of ours."""
    return _BY_NUMBER.get(number)


def unknown(number: int, size: int) -> Algorithm:
    """An algorithm we can carry but not compute: its digests are kept, its bank is not replayed."""
    return Algorithm(number, f"ALG_0x{number:04X}", size, "")
