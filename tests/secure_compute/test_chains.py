"""Certificates from elsewhere: good chains pass, every fault has its own sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_compute.certificates import issue_client, make_authority
from secure_compute.chains import judge_chain, requested_key
from secure_compute.errors import CertificateRefused

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ["box.hospital.cn"]


def made(
    subject,
    issuer=None,
    *,
    key=None,
    ca=False,
    names=("box.hospital.cn", "10.1.2.3"),
    days=(-1, 300),
    usage=None,
    algorithm=None,
):
    """A certificate with its key; `issuer` is such a pair, or None for a self-signed one."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    above = (None, key) if issuer is None else issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        held = [x509.DNSName(names[0])]
        if len(names) > 1:
            import ipaddress

            held.append(x509.IPAddress(ipaddress.ip_address(names[1])))
        builder = builder.add_extension(x509.SubjectAlternativeName(held), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(above[1], algorithm or hashes.SHA256()), key


def pem(*certificates):
    return b"".join(one[0].public_bytes(Encoding.PEM) for one in certificates)


def key_pem(pair, encryption=None):
    return pair[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


ROOT = made("Hospital Root", ca=True, names=())
MIDDLE = made("Hospital Issuing", ROOT, ca=True, names=())
SERVER = made("box", MIDDLE)


def test_a_good_chain_is_taken_whole():
    chain = judge_chain(pem(SERVER, MIDDLE, ROOT), key_pem(SERVER), NAMES, NOW)
    assert chain.names == ("box.hospital.cn", "10.1.2.3")
    assert chain.issuer == "CN=Hospital Issuing"
    assert chain.pem.count(b"BEGIN CERTIFICATE") == 3
    assert chain.pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in repr(chain)
    judge_chain(pem(SERVER), key_pem(SERVER), ["BOX.hospital.cn", "10.1.2.3"], NOW)


RSA_SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weak on purpose
BAD = {
    "not PEM": lambda: (b"hello", key_pem(SERVER)),
    "too large": lambda: (pem(SERVER) * 200, key_pem(SERVER)),
    "too long": lambda: (pem(*[SERVER] * 11), key_pem(SERVER)),
    "key is not PEM": lambda: (pem(SERVER), b"no key"),
    "encrypted": lambda: (pem(SERVER), key_pem(SERVER, BestAvailableEncryption(b"x"))),
    "does not belong": lambda: (pem(SERVER, MIDDLE), key_pem(MIDDLE)),
    "not in order": lambda: (pem(SERVER, ROOT, MIDDLE), key_pem(SERVER)),
    "does not hold the name": lambda: (pem(one := made("x", names=("other.cn",))), key_pem(one)),
    "holds no host name": lambda: (pem(one := made("x", names=())), key_pem(one)),
    "expired on": lambda: (pem(one := made("x", days=(-9, -1))), key_pem(one)),
    "not valid before": lambda: (pem(one := made("x", days=(2, 9))), key_pem(one)),
    "authority's certificate": lambda: (pem(one := made("x", ca=True)), key_pem(one)),
    "not meant for a server": lambda: (
        pem(one := made("x", usage=ExtendedKeyUsageOID.CLIENT_AUTH)),
        key_pem(one),
    ),
    "key is weak": lambda: (pem(one := made("x", key=RSA_SMALL)), key_pem(one)),
    "signature uses": lambda: (
        pem(one := made("x", MIDDLE, algorithm=hashes.SHA224())),
        key_pem(one),
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_every_fault_has_its_sentence(fault):
    certificate, key = BAD[fault]()
    with pytest.raises(CertificateRefused) as refusal:
        judge_chain(certificate, key, NAMES, NOW)
    assert fault in refusal.value.sentence
    assert "PRIVATE" not in refusal.value.sentence


def request(key, signer=None):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emr")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def test_a_request_keeps_its_key_and_a_weak_or_forged_one_is_refused():
    key = ec.generate_private_key(ec.SECP256R1())
    authority = make_authority("WardBox", NOW)
    issued = issue_client(authority, "emr", NOW, csr_pem=request(key))
    assert issued.key_pem == b""
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    assert certificate.public_key() == key.public_key()
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_pem))
    with pytest.raises(CertificateRefused, match="weak"):
        requested_key(request(RSA_SMALL))
    with pytest.raises(CertificateRefused, match="request"):
        requested_key(b"nothing")
    forged = x509.load_pem_x509_csr(request(key)).public_bytes(Encoding.DER)
    broken = forged[:-4] + bytes(4)
    import base64

    text = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(broken)
    with pytest.raises(CertificateRefused, match="request"):
        requested_key(text + b"-----END CERTIFICATE REQUEST-----\n")


def test_a_fresh_key_comes_with_its_certificate_and_an_old_authority_issues_nothing():
    authority = make_authority("WardBox", NOW, days=10)
    issued = issue_client(authority, "emr", NOW, days=400)
    assert b"PRIVATE KEY" in issued.key_pem
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    ends = x509.load_pem_x509_certificate(authority.certificate_pem).not_valid_after_utc
    assert certificate.not_valid_after_utc <= ends
    with pytest.raises(CertificateRefused):
        issue_client(authority, "emr", NOW + timedelta(days=11))
    with pytest.raises(CertificateRefused):
        issue_client(authority, "a\nb", NOW)
