"""The box's own certificate authority, and the TLS certificates that it issues for the box."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_compute.chains import requested_key
from secure_compute.errors import CertificateRefused

AUTHORITY_DAYS: Final = 3650
CLIENT_DAYS: Final = 397
SERVER_DAYS: Final = 397
"""The longest life that browsers accept (CA/Browser Forum baseline until 2026)."""

RENEW_BEFORE: Final = timedelta(days=30)
_BACKDATE: Final = timedelta(days=1)  # a client whose clock is a little behind still connects
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_MAX_HOST: Final = 253
_MAX_NAME: Final = 64
_MAX_NAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its private key.

    Attributes:
        certificate_pem: The certificate; for servers followed by the authority's.
        key_pem: PKCS 8, not encrypted: the caller seals it before it touches a disk.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


def make_authority(name: str, now: datetime, days: int = AUTHORITY_DAYS) -> Credential:
    """A new certificate authority: ECDSA P-256, self-signed, unable to make further authorities.

    Args:
        name: What people see, for example `WardBox box-7`; 1-64 characters.
        now: The present, with a time zone.
        days: Life.

    Raises:
        CertificateRefused: The name or the time cannot stand in a certificate.
    """
    key = generate_private_key(SECP256R1())
    subject = _subject(name)
    builder = (
        _builder(subject, subject, key.public_key(), (now, days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    certificate = builder.sign(key, SHA256())
    return Credential(certificate.public_bytes(Encoding.PEM), _key_pem(key))


def issue_server(
    authority: Credential, names: Sequence[str], now: datetime, days: int = SERVER_DAYS
) -> Credential:
    """A TLS server certificate with a fresh key.

    Args:
        authority: What `make_authority` gave.
        names: Host names and IP addresses by which clients reach the box, the main one first.
        now: The present, with a time zone.
        days: Life; never beyond the authority's own.

    Returns:
        The key and the chain (server, authority).

    Raises:
        CertificateRefused: A name is malformed, or the authority cannot be read or has expired.
    """
    issuer = _load(authority.certificate_pem)
    issuer_key = _load_key(authority.key_pem)
    if not issuer.not_valid_before_utc <= _aware(now) < issuer.not_valid_after_utc:
        raise CertificateRefused(reason="the authority is not valid at this time")
    key = generate_private_key(SECP256R1())
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in _named(names)])
    life = min(days, (issuer.not_valid_after_utc - now).days)
    builder = (
        _builder(_subject(names[0][:_MAX_NAME]), issuer.subject, key.public_key(), (now, life))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    certificate = builder.sign(issuer_key, SHA256())
    chain = certificate.public_bytes(Encoding.PEM) + issuer.public_bytes(Encoding.PEM)
    return Credential(chain, _key_pem(key))


def issue_client(
    authority: Credential,
    name: str,
    now: datetime,
    days: int = CLIENT_DAYS,
    csr_pem: bytes | None = None,
) -> Credential:
    """A TLS client certificate, for a fresh key or for the key of a signing request.

    Args:
        authority: What `make_authority` gave.
        name: What people see; 1-64 characters. It gives no rights.
        now: The present, with a time zone.
        days: Life; never beyond the authority's own.
        csr_pem: A PKCS 10 request, of which only the key is taken; None makes a fresh key.

    Returns:
        The certificate alone, and the fresh key (empty when the key came with a request).

    Raises:
        CertificateRefused: Name, time or request cannot be used, or the authority has expired.
    """
    issuer = _load(authority.certificate_pem)
    issuer_key = _load_key(authority.key_pem)
    if not issuer.not_valid_before_utc <= _aware(now) < issuer.not_valid_after_utc:
        raise CertificateRefused(reason="the authority is not valid at this time")
    own = generate_private_key(SECP256R1()) if csr_pem is None else None
    public = own.public_key() if own is not None else requested_key(csr_pem or b"")
    life = min(days, (issuer.not_valid_after_utc - now).days)
    builder = (
        _builder(_subject(name), issuer.subject, public, (now, life))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    certificate = builder.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM)
    return Credential(certificate, b"" if own is None else _key_pem(own))


def renewal_reason(
    server_pem: bytes, authority_pem: bytes, names: Sequence[str], now: datetime
) -> str | None:
    """Why a server certificate should be issued anew; None when it is good.

    Args:
        server_pem: The certificate or chain in use.
        authority_pem: The authority's certificate.
        names: What it must serve.
        now: The present, with a time zone.

    Returns:
        `unreadable`, `not-yet-valid`, `expiring` (30 days or less to go), `names` or `authority`.
    """
    try:
        server, authority = _load(server_pem), _load(authority_pem)
        held = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (CertificateRefused, x509.ExtensionNotFound, ValueError):
        return "unreadable"
    try:
        server.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return "authority"
    if _aware(now) < server.not_valid_before_utc:
        return "not-yet-valid"
    if server.not_valid_after_utc - now <= RENEW_BEFORE:
        return "expiring"
    return None if {_general_name(name) for name in _named(names)} <= set(held) else "names"


def fingerprint(certificate_pem: bytes) -> str:
    """SHA-256 of the (first) certificate, as people compare it: `AB:CD:...`."""
    return _load(certificate_pem).fingerprint(SHA256()).hex(":").upper()


def ends(certificate_pem: bytes) -> datetime:
    """When a certificate ends, in UTC; of a chain the first. Raises CertificateRefused."""
    return _load(certificate_pem).not_valid_after_utc


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    life: tuple[datetime, int],
) -> x509.CertificateBuilder:
    now, days = _aware(life[0]), life[1]
    try:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATE)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
    except (ValueError, OverflowError) as error:
        raise CertificateRefused(reason="its period is impossible") from error


def _subject(name: str) -> x509.Name:
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise CertificateRefused(reason="a name has 1-64 printable characters")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _named(names: Sequence[str]) -> Sequence[str]:
    if not 0 < len(names) <= _MAX_NAMES:
        raise CertificateRefused(reason="a certificate has 1-100 names")
    return names


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    labels = name.split(".")
    if len(name) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise CertificateRefused(
            reason="{name} is neither a host name nor an address", name=repr(name[:100])
        )
    if labels[-1].isdigit():
        raise CertificateRefused(
            reason="{name} is neither a host name nor an address", name=repr(name)
        )
    return x509.DNSName(name.lower())


def _aware(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise CertificateRefused(reason="the present time has no time zone")
    return now


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateRefused(reason="a certificate is not PEM") from error


def _load_key(pem: bytes) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise CertificateRefused(reason="a private key is not PEM") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise CertificateRefused(reason="the authority's key is not ECDSA")
    return key


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
