"""Chains of certificates up to a root that is pinned by its fingerprint, and ECDSA signatures."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from firmware_checks.errors import EvidenceMalformed, EvidenceRefused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# SHA-256 of the DER form. Source: NVIDIA/nvtrust, verifier/certs.
DEVICE_ROOTS: Final = frozenset(
    {"102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"},
)
"""NVIDIA Device Identity CA: vouches for the keys of GPUs."""
MANIFEST_ROOTS: Final = frozenset(
    {"12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1"},
)
"""NVIDIA CoRIM signing Root CA: vouches for reference manifests."""
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]{64,8192}-----END CERTIFICATE-----"
)
_MAX_CERTIFICATES: Final = 8
_HALF: Final = 48


def from_pem(data: bytes) -> list["Certificate"]:
    """The certificates of a PEM file, the leaf first.

    Raises:
        EvidenceMalformed: None, too many, or one that cannot be read.
    """
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    blocks = _PEM.findall(data[: 64 * 1024])
    if not 1 <= len(blocks) <= _MAX_CERTIFICATES:
        raise EvidenceMalformed(reason=f"{len(blocks)} certificates")
    try:
        return [load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise EvidenceMalformed(reason="a certificate cannot be read") from error


def from_der(blocks: Sequence[bytes]) -> list["Certificate"]:
    """The certificates of a list in DER form, the leaf first.

    Raises:
        EvidenceMalformed: None, too many, or one that cannot be read.
    """
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    if not 1 <= len(blocks) <= _MAX_CERTIFICATES:
        raise EvidenceMalformed(reason=f"{len(blocks)} certificates")
    try:
        return [load_der_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise EvidenceMalformed(reason="a certificate cannot be read") from error


def leads_to(certificates: Sequence["Certificate"], roots: frozenset[str]) -> "Certificate":
    """The leaf of a chain in which each certificate is issued by the next, up to a pinned root.

    Validity periods are not judged: a manifest's signer is certified for two years and its
    firmware runs for ten, and the clock of a box without a network proves nothing.

    Raises:
        EvidenceRefused: A link does not hold, or the chain ends elsewhere.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    for below, above in pairwise(certificates):
        if not _may_issue(above):
            raise EvidenceRefused(reason="a certificate of the chain may not issue others")
        try:
            below.verify_directly_issued_by(above)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise EvidenceRefused(reason="the chain of certificates does not hold") from error
    if certificates[-1].fingerprint(hashes.SHA256()).hex() not in roots:
        raise EvidenceRefused(reason="the chain does not end at NVIDIA's root")
    return certificates[0]


def _may_issue(certificate: "Certificate") -> bool:
    from cryptography.x509 import BasicConstraints, ExtensionNotFound  # noqa: PLC0415

    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except (ExtensionNotFound, ValueError):
        return False


def signed_by(certificate: "Certificate", signature: bytes, data: bytes) -> bool:
    """Whether ECDSA on P-384 with SHA-384, as two numbers of 48 bytes, holds over the data."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size != 8 * _HALF:
        return False
    if len(signature) != 2 * _HALF:
        return False
    first, second = signature[:_HALF], signature[_HALF:]
    encoded = utils.encode_dss_signature(int.from_bytes(first), int.from_bytes(second))
    try:
        key.verify(encoded, data, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return False
    return True
