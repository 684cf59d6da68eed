"""Seals a body under a key of its own, and that key under the keys of its day and its patient.

Both of them are needed, so destroying either ends the body: that of the patient when they are
forgotten, that of the day when the body's time is over.
"""

import os
from dataclasses import dataclass
from typing import Final

import msgspec
from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from appliance.bodies.shape import PARTS, Body, Kept
from secure_compute.envelope import NONCE_SIZE, Sealed, unseal, unseal_key
from secure_compute.errors import SealBroken
from secure_compute.secret import Secret, scrub
from secure_compute.suites import AES_256_GCM, KEY_SIZE, Aead, cipher, expand

DAY_MS: Final = 86_400_000
MOST_BYTES: Final = 1 << 26
"""Bytes of a whole body; what claims to be longer was not written here."""

_INFO: Final = b"wardbox/v1/body"
_OWN: Final = "body"
_LEVEL: Final = 1
_ID: Final = slice(4, None)
_TIME: Final = slice(4, 16)


class _Content(msgspec.Struct, frozen=True, array_like=True):
    """What lies inside the seal."""

    salt: bytes
    texts: tuple[bytes | None, bytes | None, bytes | None]
    sizes: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class SealedBody:
    """A body as it lies on the disk.

    Args:
        receipt: the receipt's number, 15 bytes, ordered by time.
        patient: pseudonym, 16 bytes, or None.
        wrapped: the body's own key under those of its day and its patient.
        sealed: the texts under its own key.
    """

    receipt: bytes
    patient: bytes | None
    wrapped: bytes
    sealed: bytes


def number_of(receipt: str) -> bytes:
    """The number in a receipt id: its time in 6 bytes, then 9 random ones."""
    return bytes.fromhex(receipt[_ID])


def receipt_of(number: bytes) -> str:
    """The receipt id of a number."""
    return "rcp_" + number.hex()


def day_of(receipt: str) -> int:
    """The day of a receipt, counted from 1970 (UTC)."""
    return int(receipt[_TIME], 16) // DAY_MS


def key_of(day: Secret, patient: Secret | None) -> Secret:
    """The key that wraps the keys of one patient's bodies of one day; for the caller to wipe.

    HKDF-SHA256 (RFC 5869) over both keys joined.
    """
    if patient is None:
        return expand(AES_256_GCM, day, 32, _INFO)
    with Secret(bytes(len(day) + len(patient))) as both:
        view = both.view()
        view[: len(day)], view[len(day) :] = day.view(), patient.view()
        return expand(AES_256_GCM, both, 32, _INFO)


class Sealer:
    """Seals bodies; one thread at a time.

    What wraps the keys of a day's bodies is the same for most of them, so it is made ready once.

    Args:
        algorithm: `aes-256-gcm` or `sm4-gcm`; the reader takes it from the envelope.
    """

    ROOM: Final = 256

    def __init__(self, algorithm: str = AES_256_GCM) -> None:
        self._algorithm = algorithm
        self._pack = ZstdCompressor(level=_LEVEL, write_checksum=False)
        self._encode = msgspec.msgpack.Encoder().encode
        self._own = _header(algorithm, _OWN)
        self._above: dict[tuple[bytes, str], tuple[Aead, bytes]] = {}

    def seal(self, body: Body) -> SealedBody:
        """Seal a body under a fresh key."""
        number = number_of(body.receipt)
        patient = None if body.patient is None else bytes.fromhex(body.patient)
        context = _context(number, patient)
        packed = self._pack.compress(self._encode(_Content(body.salt, body.texts, body.sizes)))
        above, name = self._ready(body)
        nonces = os.urandom(2 * NONCE_SIZE)
        # `Secret.random` opens the system's generator as a file, which costs as much as the rest.
        fresh = os.urandom(KEY_SIZE)
        with Secret(fresh) as secret:
            own = cipher(self._algorithm, secret)
        nonce, header = nonces[:NONCE_SIZE], self._own + nonces[:NONCE_SIZE]
        sealed = header + own.encrypt(nonce, packed, header + context)
        nonce, header = nonces[NONCE_SIZE:], name + nonces[NONCE_SIZE:]
        wrapped = header + above.encrypt(nonce, fresh, header + context)
        scrub(fresh)
        return SealedBody(number, patient, wrapped, sealed)

    def _ready(self, body: Body) -> tuple[Aead, bytes]:
        """What wraps under the key that a body brings, and the beginning of such an envelope."""
        name = _name(body)
        ready = self._above.get((body.key, name))
        if ready is None:
            with Secret(body.key) as key:
                ready = cipher(self._algorithm, key), _header(self._algorithm, name)
            if len(self._above) >= self.ROOM:
                self._above.clear()
            self._above[bytes(bytearray(body.key)), name] = ready
        return ready


def unseal_body(lying: SealedBody, above: Secret) -> Kept:
    """Open what `Sealer.seal` made.

    Raises:
        SealBroken, SealMalformed: another key, another entry, or altered bytes.
    """
    context = _context(lying.receipt, lying.patient)
    with unseal_key(Sealed.parse(lying.wrapped), above, context) as own:
        packed = unseal(Sealed.parse(lying.sealed), own, context)
    try:
        plain = ZstdDecompressor().decompress(packed, max_output_size=MOST_BYTES)
        content = msgspec.msgpack.decode(plain, type=_Content)
    except (ZstdError, msgspec.MsgspecError) as error:
        raise SealBroken from error
    present = [
        (name, text, size)
        for name, text, size in zip(PARTS, content.texts, content.sizes, strict=True)
        if text is not None
    ]
    return Kept(
        receipt=receipt_of(lying.receipt),
        patient=None if lying.patient is None else lying.patient.hex(),
        salt=content.salt,
        texts={name: text for name, text, _ in present},
        sizes={name: size for name, _, size in present},
    )


def forget_key(body: Body) -> None:
    """Overwrite the key that a body brought along, once it is sealed or refused."""
    scrub(body.key)


def _header(algorithm: str, key_id: str) -> bytes:
    """The beginning of an envelope, before its nonce."""
    return Sealed(algorithm, key_id, b"", b"").header


def _name(body: Body) -> str:
    return f"day:{day_of(body.receipt)}" + (f"/patient:{body.patient}" if body.patient else "")


def _context(number: bytes, patient: bytes | None) -> bytes:
    return b"wardbox/v1/body/" + number + (patient or b"")
