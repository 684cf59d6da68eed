"""Certificates made elsewhere, judged: the hospital's own for this box, and requests for one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from secure_compute.errors import CertificateRefused

MIN_RSA_BITS: Final = 2048
MIN_CURVE_BITS: Final = 256
_WEAK_HASHES: Final = frozenset({"md5", "sha1", "sha224"})
_MAX_CHAIN: Final = 10
_MAX_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Chain:
    """A server certificate that was found good, with its key.

    Attributes:
        subject: Whom it names, for people.
        issuer: Who vouches for it, for people.
        names: Host names and addresses it serves.
        not_after: Its end.
        pem: Key, certificate and chain in one text, as a TLS server loads them.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_after: datetime
    pem: bytes = field(repr=False)


def judge_chain(
    certificate_pem: bytes, key_pem: bytes, names: Sequence[str], now: datetime
) -> Chain:
    """Judge a certificate that somebody else issued for this box.

    Args:
        certificate_pem: The server's certificate first, then those that lead to its authority.
        key_pem: Its private key, PEM, not encrypted.
        names: Host names by which clients reach the box; each must stand in it.
        now: The present, with a time zone.

    Raises:
        CertificateRefused: What is wrong with it; nothing was changed.
    """
    chain = _read_chain(certificate_pem)
    server = chain[0]
    key = _key_of(key_pem, server)
    for certificate in chain:
        _judge_period(certificate, now)
        _judge_strength(certificate)
    for below, above in pairwise(chain):
        _judge_link(below, above)
    held = _judge_purpose(server)
    lacking = [name for name in names if name.lower() not in held]
    if lacking:
        raise CertificateRefused(reason="it does not hold the name {name}", name=lacking[0])
    body = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    return Chain(
        server.subject.rfc4514_string(),
        server.issuer.rfc4514_string(),
        held,
        server.not_valid_after_utc,
        key + body,
    )


def requested_key(csr_pem: bytes) -> CertificatePublicKeyTypes:
    """The public key of a signing request whose signature shows that its sender holds the key.

    Raises:
        CertificateRefused: It is no request, not signed by its key, or its key is weak.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem[:_MAX_BYTES])
        signed = request.is_signature_valid
        key = request.public_key()
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateRefused(reason="the signing request cannot be read") from error
    if not signed:
        raise CertificateRefused(reason="the signing request is not signed by its own key")
    _judge_key(key)
    return key


def server_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The host names (lower case) and addresses in a certificate; none when it holds none."""
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    hosts = [name.lower() for name in held.get_values_for_type(x509.DNSName)]
    return (*hosts, *(str(address) for address in held.get_values_for_type(x509.IPAddress)))


def names_in(certificate_pem: bytes) -> tuple[str, ...]:
    """The names in the first certificate of a PEM text; none when it cannot be read."""
    try:
        return server_names(x509.load_pem_x509_certificate(certificate_pem))
    except ValueError:
        return ()


def _read_chain(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > _MAX_BYTES:
        raise CertificateRefused(reason="the file is too large")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateRefused(reason="a certificate is not PEM") from error
    if len(chain) > _MAX_CHAIN:
        raise CertificateRefused(reason="the chain is too long")
    return chain


def _key_of(pem: bytes, server: x509.Certificate) -> bytes:
    if len(pem) > _MAX_BYTES:
        raise CertificateRefused(reason="the file is too large")
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise CertificateRefused(reason="the private key is encrypted") from error
    except ValueError as error:
        raise CertificateRefused(reason="a private key is not PEM") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != server.public_key().public_bytes(*form):
        raise CertificateRefused(reason="the private key does not belong to the certificate")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _judge_period(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        day = certificate.not_valid_before_utc.date()
        raise CertificateRefused(reason="it is not valid before {day}", day=day)
    if now >= certificate.not_valid_after_utc:
        day = certificate.not_valid_after_utc.date()
        raise CertificateRefused(reason="it expired on {day}", day=day)


def _judge_strength(certificate: x509.Certificate) -> None:
    _judge_key(certificate.public_key())
    algorithm = certificate.signature_hash_algorithm
    # A root signs itself: nobody relies on that signature, but on the root being known.
    rooted = certificate.issuer == certificate.subject
    if algorithm is not None and algorithm.name in _WEAK_HASHES and not rooted:
        raise CertificateRefused(reason="its signature uses {name}", name=algorithm.name)


def _judge_key(key: CertificatePublicKeyTypes) -> None:
    if isinstance(key, RSAPublicKey):
        strong = key.key_size >= MIN_RSA_BITS
    elif isinstance(key, EllipticCurvePublicKey):
        strong = key.curve.key_size >= MIN_CURVE_BITS
    else:
        strong = isinstance(key, Ed25519PublicKey)
    if not strong:
        raise CertificateRefused(reason="its key is weak: RSA from 2048 bits, curves from 256 bits")


def _judge_link(below: x509.Certificate, above: x509.Certificate) -> None:
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise CertificateRefused(
            reason="the chain is not in order: each certificate is issued by the next"
        ) from error


def _judge_purpose(server: x509.Certificate) -> tuple[str, ...]:
    extensions = server.extensions
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if basic.ca:
        raise CertificateRefused(reason="it is an authority's certificate, not a server's")
    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise CertificateRefused(reason="it is not meant for a server")
    names = server_names(server)
    if not names:
        raise CertificateRefused(reason="it holds no host name (subjectAltName)")
    return names
