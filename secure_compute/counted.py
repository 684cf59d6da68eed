"""Cosignatures by a key that a TPM holds, each under the TPM's monotonic counter.

C2SP's cosignature/v1 is Ed25519, which no TPM must know. This form is of the same grammar (C2SP
signed-note, type 0xff with an identifier): ECDSA over P-256 with SHA-256, and beside the time the
counter, so that a disk that was put back is told from the box that went on.

    type       0xff, "wardbox-tpm-cosignature/v1"
    public     0x04, x, y (65 bytes)
    key id     SHA-256(name, newline, type, public)[:4]
    signature  u64 time, u64 counter, r (32), s (32)
    signed     the lines "wardbox-tpm-cosignature/v1", "time <time>", "counter <counter>", then the text
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from secure_compute.errors import NoteMalformed, SignatureInvalid
from secure_compute.note import NoteSignature

LABEL: Final = "wardbox-tpm-cosignature/v1"
TYPE: Final = b"\xff" + LABEL.encode()
PUBLIC_SIZE: Final = 65
_SIGNATURE_SIZE: Final = 8 + 8 + 64
_LARGEST: Final = 1 << 63
_VKEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Count:
    """When a cosignature was made: POSIX seconds, and what the TPM's counter said."""

    time: int
    counter: int

    def message(self, text: str) -> bytes:
        """What is signed over a note's text."""
        return f"{LABEL}\ntime {self.time}\ncounter {self.counter}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class CountedKey:
    """The public half of such a key, as notes know it.

    Attributes:
        name: Key name without spaces or plus signs.
        public: 65 bytes: 0x04, x, y.
    """

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, public key)."""
        return sha256(self.name.encode() + b"\n" + TYPE + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+hex(key id)+base64(type, public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(TYPE + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key line.

        Raises:
            NoteMalformed: It breaks the format, its id does not match, or it is of another type.
        """
        match = _VKEY.fullmatch(vkey.strip())
        try:
            typed = b64decode(match.group(3), validate=True) if match else b""
        except ValueError:
            typed = b""
        if match is None or not typed.startswith(TYPE):
            raise NoteMalformed(reason="it is no verifier key of a TPM")
        found = cls(match.group(1), typed.removeprefix(TYPE))
        found._loaded()
        if found.vkey != vkey.strip():
            raise NoteMalformed(reason="the verifier key does not match its own id")
        return found

    def line(self, count: Count, signature: bytes) -> NoteSignature:
        """The signature line of r and s (64 bytes)."""
        stamped = count.time.to_bytes(8, "big") + count.counter.to_bytes(8, "big") + signature
        return NoteSignature(self.name, self.key_id, stamped)

    def check(self, text: str, line: NoteSignature) -> Count:
        """Check a signature of this key.

        Returns:
            When it was made.

        Raises:
            SignatureInvalid: It is not this key's over this text.
        """
        raw = line.signature
        count = Count(int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:16], "big"))
        r, s = int.from_bytes(raw[16:48], "big"), int.from_bytes(raw[48:], "big")
        sound = len(raw) == _SIGNATURE_SIZE and max(count.time, count.counter) < _LARGEST
        try:
            if not sound or (line.name, line.key_id) != (self.name, self.key_id):
                raise ValueError  # noqa: TRY301  # told with the rest
            der = encode_dss_signature(r, s)
            self._loaded().verify(der, count.message(text), ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            raise SignatureInvalid(reason="no trusted key signed this note") from None
        return count

    def _loaded(self) -> EllipticCurvePublicKey:
        try:
            if len(self.public) != PUBLIC_SIZE:
                raise ValueError  # noqa: TRY301  # told with the rest
            return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), self.public)
        except ValueError:
            raise NoteMalformed(reason="the verifier key is no point of P-256") from None
