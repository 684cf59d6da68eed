"""NVIDIA's reference integrity manifests: signed SWID tags with the values a GPU should measure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_checks.attestation.canonical import Element, canonical, read
from firmware_checks.attestation.chain import MANIFEST_ROOTS, from_der, leads_to, signed_by
from firmware_checks.errors import EvidenceMalformed, EvidenceRefused

_SWID: Final = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
_DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_SHA384: Final = "http://www.w3.org/2001/04/xmlenc#sha384"
_C14N: Final = "http://www.w3.org/2006/12/xml-c14n11"
_ECDSA: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
_DIGEST: Final = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MAX_INDEX: Final = 255
_HEX_DIGITS: Final = 96


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose signature was verified.

    Attributes:
        version: Version of the VBIOS or the driver it is for, lower case.
        product: Name of the chip, "GH100".
        values: Index -> values any of which is sound, lower-case hex; active ones only.
        signed_until: Day on which its signer's certificate ends, "YYYY-MM-DD".
    """

    version: str
    product: str
    values: Mapping[int, tuple[str, ...]]
    signed_until: str


def verified(data: bytes, roots: frozenset[str] = MANIFEST_ROOTS) -> Manifest:
    """Reads a manifest and verifies its signature (XML Signature 1.1, enveloped, ECDSA P-384).

    Only the one form that NVIDIA uses is taken: every algorithm is compared, none is looked up.

    Args:
        data: The file.
        roots: SHA-256 fingerprints of the roots that are trusted.

    Raises:
        EvidenceMalformed: It is no such manifest.
        EvidenceRefused: Its signature or its chain does not hold.
    """
    root = read(data)
    if (root.space, root.local) != (_SWID, "SoftwareIdentity"):
        raise EvidenceMalformed(reason="it is no SWID tag")
    signature = root.only(_DSIG, "Signature")
    information = signature.only(_DSIG, "SignedInfo")
    _same_digest(root, signature, _reference(information))
    certificates = from_der(
        [
            _decoded(one.text)
            for one in signature.only(_DSIG, "KeyInfo")
            .only(_DSIG, "X509Data")
            .children(_DSIG, "X509Certificate")
        ]
    )
    leaf = leads_to(certificates, roots)
    scope = {**root.declared, **signature.declared}
    value = _decoded(signature.only(_DSIG, "SignatureValue").text)
    if not signed_by(leaf, value, canonical(information, inherited=scope)):
        raise EvidenceRefused(reason="the signature of the manifest does not hold")
    meta = root.only(_SWID, "Meta")
    return Manifest(
        version=meta.value("colloquialVersion").lower(),
        product=meta.value("product"),
        values=_values(root.only(_SWID, "Payload")),
        signed_until=leaf.not_valid_after_utc.date().isoformat(),
    )


def _reference(information: Element) -> Element:
    """The one reference, after every algorithm around it was compared."""
    reference = information.only(_DSIG, "Reference")
    transforms = reference.only(_DSIG, "Transforms").children(_DSIG, "Transform")
    found = (
        information.only(_DSIG, "CanonicalizationMethod").value("Algorithm"),
        information.only(_DSIG, "SignatureMethod").value("Algorithm"),
        reference.only(_DSIG, "DigestMethod").value("Algorithm"),
        reference.value("URI"),
        *(one.value("Algorithm") for one in transforms),
    )
    if found != (_C14N, _ECDSA, _DIGEST, "", _ENVELOPED, _C14N):
        raise EvidenceRefused(reason="the manifest is signed in another way than NVIDIA's")
    return reference


def _same_digest(root: Element, signature: Element, reference: Element) -> None:
    wanted = _decoded(reference.only(_DSIG, "DigestValue").text)
    found = hashlib.sha384(canonical(root, without=signature)).digest()
    if not hmac.compare_digest(wanted, found):
        raise EvidenceRefused(reason="the manifest was changed after it was signed")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceMalformed(reason="the manifest holds broken base64") from error


def _values(payload: Element) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    seen: set[int] = set()
    for resource in payload.children(_SWID, "Resource"):
        index = _small(resource.value("index"))
        if index in seen:
            raise EvidenceMalformed(reason=f"measurement {index} stands twice")
        seen.add(index)
        count = _small(resource.value("alternatives"))
        values = tuple(resource.value(f"Hash{place}", _SHA384).lower() for place in range(count))
        if not values or any(len(value) != _HEX_DIGITS for value in values):
            raise EvidenceMalformed(reason=f"measurement {index} has no values of 48 bytes")
        if resource.value("active") != "False":
            found[index] = values
    if not found:
        raise EvidenceMalformed(reason="it names no active measurement")
    return found


def _small(text: str) -> int:
    if not text.isdecimal() or len(text) > 3 or int(text) > _MAX_INDEX:  # noqa: PLR2004 - 255
        raise EvidenceMalformed(reason="a measurement has no number")
    return int(text)
