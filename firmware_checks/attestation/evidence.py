"""What GPUs attest about themselves: reports verified up to NVIDIA's root, and the manifests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firmware_checks.attestation.chain import DEVICE_ROOTS, from_pem, leads_to, signed_by
from firmware_checks.attestation.manifest import Manifest
from firmware_checks.attestation.spdm import parse
from firmware_checks.errors import EvidenceRefused
from firmware_checks.reading import Reading

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import Encoding

DECODER_MEASUREMENT: Final = 35
"""Tells nothing while the GPU's video decoder is off."""


@dataclass(frozen=True, slots=True)
class Attested:
    """A report whose signature, chain and nonce hold; `measurements` as in `spdm.Measured`."""

    driver: str
    vbios: str
    measurements: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A report that was read and does not hold, and why (in English)."""

    reason: str


@dataclass(frozen=True, slots=True)
class GpuEvidence:
    """The evidence of all GPUs.

    Attributes:
        reports: Place of the GPU -> its report.
        manifests: The manifests at hand, each verified.
        refused: Manifests that do not hold: file and why.
    """

    reports: Mapping[str, Reading[Attested | Rejected]]
    manifests: tuple[Manifest, ...]
    refused: tuple[str, ...]


def attested(
    report: bytes, chain: bytes, nonce: bytes | None, roots: frozenset[str] = DEVICE_ROOTS
) -> Attested | Rejected:
    """Verifies one report.

    Args:
        report: As NVML gives it.
        chain: Its certificates in PEM, the GPU's own first.
        nonce: What was asked with; None for a captured report, whose age nobody can tell.
        roots: SHA-256 fingerprints of the roots that are trusted.

    Raises:
        EvidenceMalformed: The report or a certificate cannot be read.
    """
    measured = parse(report)
    certificates = from_pem(chain)
    try:
        leaf = leads_to(certificates, roots)
    except EvidenceRefused as error:
        return Rejected(str(error.facts["reason"]))
    if not signed_by(leaf, measured.signature, measured.signed):
        return Rejected("the signature of the report does not hold")
    if nonce is not None and measured.nonce != nonce:
        return Rejected("the report answers another nonce")
    if measured.identity and measured.identity not in leaf.public_bytes(_der()):
        return Rejected("the report is of other firmware than its certificate")
    kept = dict(measured.measurements)
    if measured.decoder_off:
        kept.pop(DECODER_MEASUREMENT, None)
    return Attested(measured.driver, measured.vbios, kept)


def _der() -> "Encoding":
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return Encoding.DER


def differing(found: Attested, manifest: Manifest) -> tuple[int, ...]:
    """The measurements that no value of the manifest allows; the decoder's may be missing."""
    return tuple(
        index
        for index, sound in sorted(manifest.values.items())
        if found.measurements.get(index) not in sound
        and not (index == DECODER_MEASUREMENT and index not in found.measurements)
    )
