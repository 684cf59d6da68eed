"""The certificate of a TPM's endorsement key, judged against the makers' that are trusted here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_DEPTH: Final = 5


class Chain(StrEnum):
    """How the certificate stands."""

    TRUSTED = "trusted"
    ABSENT = "absent"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    UNKNOWN_MAKER = "unknown-maker"


@dataclass(frozen=True, slots=True)
class Endorsement:
    """The outcome: how the certificate stands, and by whom it says to be issued."""

    chain: Chain
    issuer: str = ""


def endorsement(certificate: bytes, trusted: Sequence[bytes], now: datetime) -> Endorsement:
    """Follows the certificate up to one that is trusted and signed by itself.

    Args:
        certificate: DER, may have filler behind it; empty for none.
        trusted: PEM files of the makers' certificates, roots and those between.
        now: An aware time.
    """
    from cryptography import x509  # noqa: PLC0415 - loaded when a chain is judged

    if not certificate:
        return Endorsement(Chain.ABSENT)
    try:
        leaf = x509.load_der_x509_certificate(_trimmed(certificate))
        issuer = leaf.issuer.rfc4514_string()
    except ValueError:
        return Endorsement(Chain.MALFORMED)
    try:
        known = [one for pem in trusted for one in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        return Endorsement(Chain.MALFORMED, "a trusted certificate is damaged")
    return Endorsement(_follow(leaf, known, now), issuer)


def _follow(leaf: "Certificate", known: "list[Certificate]", now: datetime) -> Chain:
    current = leaf
    for _ in range(_DEPTH):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            return Chain.EXPIRED
        above = next((one for one in known if _issued(current, one)), None)
        if above is None:
            return Chain.UNKNOWN_MAKER
        if above.subject == above.issuer:
            valid = above.not_valid_before_utc <= now <= above.not_valid_after_utc
            return Chain.TRUSTED if valid else Chain.EXPIRED
        current = above
    return Chain.UNKNOWN_MAKER


def _issued(below: "Certificate", above: "Certificate") -> bool:
    from cryptography import x509  # noqa: PLC0415 - loaded when a chain is judged
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    if below.issuer != above.subject:
        return False
    try:
        constraints = above.extensions.get_extension_for_class(x509.BasicConstraints).value
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _trimmed(der: bytes) -> bytes:
    """Without the filler that makers leave behind the certificate in the TPM's storage."""
    if der[:2] != b"\x30\x82":
        return der
    return der[: 4 + int.from_bytes(der[2:4], "big")]


def same_key(certificate: bytes, public: bytes) -> bool:
    """Whether the certificate is for this key (DER of SubjectPublicKeyInfo)."""
    from cryptography import x509  # noqa: PLC0415 - loaded when a chain is judged
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    try:
        key = x509.load_der_x509_certificate(_trimmed(certificate)).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public
