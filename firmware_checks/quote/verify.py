"""Judges a quote: signature, nonce, and whether its registers are those of the event log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_checks.eventlog.algorithms import SHA256
from firmware_checks.eventlog.replay import Replayed, initial_value
from firmware_checks.quote.attested import Attested, parse

QUOTED_PCRS: Final = tuple(range(8))
_POINT: Final = 65
_SIGNATURE: Final = 64


class Fault(StrEnum):
    """Why a quote does not hold."""

    SIGNATURE = "signature"
    NONCE = "nonce"
    REGISTERS = "registers"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote as it was taken.

    Attributes:
        nonce: The fresh bytes that were asked with.
        attested: What the TPM signed.
        signature: ECDSA with SHA-256, r and s, 32 bytes each.
        public: The attestation key: 0x04, x, y on P-256.
        endorsement: DER of the endorsement key's certificate; empty where the TPM has none.
        bound: Whether the TPM proved that it holds the attestation key beside the endorsement key that the
            certificate names; False where that was not tried.
    """

    nonce: bytes
    attested: bytes
    signature: bytes
    public: bytes
    endorsement: bytes = b""
    bound: bool = False


def faults(quote: Quote, replayed: Replayed) -> tuple[Fault, ...]:
    """What is wrong with a quote, nothing if it holds.

    Args:
        quote: The quote.
        replayed: The event log of the same machine.

    Raises:
        QuoteMalformed: The signed bytes are no quote.
    """
    attested = parse(quote.attested)
    found = []
    if not signed(quote):
        found.append(Fault.SIGNATURE)
    if attested.nonce != quote.nonce or not quote.nonce:
        found.append(Fault.NONCE)
    if not set(QUOTED_PCRS) <= set(attested.pcrs):
        found.append(Fault.REGISTERS)
    elif led_digest(attested, replayed) != attested.digest:
        found.append(Fault.LOG)
    return tuple(found)


def signed(quote: Quote) -> bool:
    """Whether the attestation key signed the bytes."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - loaded when a quote is judged
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

    if len(quote.public) != _POINT or len(quote.signature) != _SIGNATURE:
        return False
    half = _SIGNATURE // 2
    pair = (
        int.from_bytes(quote.signature[:half], "big"),
        int.from_bytes(quote.signature[half:], "big"),
    )
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), quote.public)
        key.verify(utils.encode_dss_signature(*pair), quote.attested, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def led_digest(attested: Attested, replayed: Replayed) -> bytes | None:
    """The digest over the registers as the event log leads to them; None where it lacks the bank."""
    values = replayed.banks.get(attested.bank.bank)
    if values is None:
        return None
    return digest_over(attested.pcrs, values, attested.bank.size, replayed.locality)


def digest_over(
    pcrs: Sequence[int], values: Mapping[int, str], size: int, locality: int = 0
) -> bytes:
    """SHA-256 over the values of registers; one without a value counts as it starts."""
    parts = [
        bytes.fromhex(values[pcr]) if pcr in values else initial_value(pcr, size, locality)
        for pcr in pcrs
    ]
    return SHA256.digest(b"".join(parts))
