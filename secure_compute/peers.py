"""Certificates for machines that are server and client to each other, made from their own requests."""

import ipaddress
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_compute.certificates import Credential
from secure_compute.chains import requested_key
from secure_compute.errors import CertificateRefused

PEER_DAYS: Final = 397
_BACKDATE: Final = timedelta(days=1)
_PURPOSES: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def request_peer(address: str) -> Credential:
    """A fresh key and a PKCS 10 request for it; the key never leaves the machine.

    Args:
        address: The machine's address towards the others.

    Returns:
        `certificate_pem` holds the request.

    Raises:
        CertificateRefused: It is no IP address.
    """
    key = generate_private_key(SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(address))
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credential(request, key.private_bytes(*form))


def issue_peer(
    authority: Credential, address: str, request_pem: bytes, now: datetime, days: int = PEER_DAYS
) -> bytes:
    """Certify the key of a request for one address, as server and as client.

    Args:
        authority: The authority with its key.
        address: The only name in the certificate; what the request says is not believed.
        request_pem: A PKCS 10 request, of which only the key is taken.
        now: The present, with a time zone.
        days: Life; never beyond the authority's own.

    Returns:
        The certificate, PEM.

    Raises:
        CertificateRefused: Address, request or authority cannot be used.
    """
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem)
    signer = load_pem_private_key(authority.key_pem, None)
    if not isinstance(signer, EllipticCurvePrivateKey):
        raise CertificateRefused(reason="the authority's key is not ECDSA")
    if not issuer.not_valid_before_utc <= now < issuer.not_valid_after_utc:
        raise CertificateRefused(reason="the authority is not valid at this time")
    name = x509.SubjectAlternativeName([x509.IPAddress(_parsed(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_subject(address))
        .issuer_name(issuer.subject)
        .public_key(requested_key(request_pem))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + timedelta(days=days), issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
        .add_extension(name, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def belongs(certificate_pem: bytes, key_pem: bytes) -> bool:
    """Whether a certificate is for this key."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = load_pem_private_key(key_pem, None)
        own = key.public_key().public_bytes(*form)
        return certificate.public_key().public_bytes(*form) == own
    except (ValueError, TypeError):
        return False


def sign_as_peer(own: Credential, message: bytes) -> bytes:
    """Sign a message with a machine's own key: ECDSA over SHA-256, DER.

    Raises:
        CertificateRefused: The key is not an ECDSA one.
    """
    key = load_pem_private_key(own.key_pem, None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise CertificateRefused(reason="the key is not ECDSA")
    return key.sign(message, ECDSA(SHA256()))


def check_peer_signature(certificate_der: bytes, signature: bytes, message: bytes) -> None:
    """Pass a message that the holder of a certificate signed; the certificate is judged elsewhere.

    Args:
        certificate_der: As the TLS handshake has accepted it.
        signature: ECDSA over SHA-256, DER.
        message: What was signed.

    Raises:
        CertificateRefused: Another key signed it, or nobody.
    """
    try:
        key = x509.load_der_x509_certificate(certificate_der).public_key()
        if not isinstance(key, EllipticCurvePublicKey):
            raise CertificateRefused(reason="the key is not ECDSA")
        key.verify(signature, message, ECDSA(SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise CertificateRefused(reason="the signature is not its holder's") from error


def peer_address(certificate_der: bytes) -> str:
    """The one address that a peer's certificate is for. Raises CertificateRefused."""
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        (address,) = names.value.get_values_for_type(x509.IPAddress)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise CertificateRefused(reason="it is for no address") from error
    return str(address)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(address)
    except ValueError as error:
        told = repr(address[:60])
        raise CertificateRefused(reason="{name} is no address", name=told) from error


def _subject(address: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(_parsed(address)))])
