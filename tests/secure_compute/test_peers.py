"""Machines that are server and client to each other: certified by request, and known by their address."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from secure_compute.certificates import Credential, make_authority
from secure_compute.errors import CertificateRefused
from secure_compute.peers import (
    belongs,
    check_peer_signature,
    issue_peer,
    peer_address,
    request_peer,
    sign_as_peer,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AUTHORITY = make_authority("cluster", NOW)


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


@pytest.mark.parametrize("address", ["10.0.0.7", "fd00::7"])
def test_a_peer_is_certified_for_its_address_and_signs(address):
    asked = request_peer(address)
    made = issue_peer(AUTHORITY, address, asked.certificate_pem, NOW)
    own = Credential(made, asked.key_pem)
    assert belongs(made, asked.key_pem)
    assert peer_address(der(made)) == address
    found = x509.load_pem_x509_certificate(made)
    assert found.not_valid_after_utc == NOW + timedelta(days=397)
    signature = sign_as_peer(own, b"hello")
    check_peer_signature(der(made), signature, b"hello")
    for bad in ((signature, b"hullo"), (b"none", b"hello")):
        with pytest.raises(CertificateRefused, match="holder's"):
            check_peer_signature(der(made), *bad)


def test_what_a_request_says_of_its_address_is_not_believed():
    made = issue_peer(AUTHORITY, "10.0.0.8", request_peer("10.9.9.9").certificate_pem, NOW)
    assert peer_address(der(made)) == "10.0.0.8"


def test_names_that_are_no_address():
    with pytest.raises(CertificateRefused, match="is no address"):
        request_peer("box.hospital.cn")
    with pytest.raises(CertificateRefused, match="for no address"):
        peer_address(der(AUTHORITY.certificate_pem))
    with pytest.raises(CertificateRefused, match="for no address"):
        peer_address(b"none")
