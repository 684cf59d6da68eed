"""The box's authority: real TLS handshakes, names, renewal decisions, refusals."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from secure_compute.certificates import (
    Credential,
    fingerprint,
    issue_server,
    make_authority,
    renewal_reason,
)
from secure_compute.errors import CertificateRefused

NOW = datetime.now(UTC)
NAMES = ["box-7.ward.example", "localhost", "127.0.0.1", "::1"]
AUTHORITY = make_authority("WardBox 七号盒子", NOW)
SERVER = issue_server(AUTHORITY, NAMES, NOW)


def handshake(tmp_path, server: Credential, name: str) -> None:
    """A whole TLS handshake in memory; raises ssl.SSLError when the client refuses."""
    chain = tmp_path / "chain.pem"
    chain.write_bytes(server.certificate_pem + server.key_pem)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain)
    asking = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    ends = [ssl.MemoryBIO() for _ in range(4)]
    client = asking.wrap_bio(ends[0], ends[1], server_hostname=name)
    host = serving.wrap_bio(ends[2], ends[3], server_side=True)
    for _ in range(4):
        for side in (client, host):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
            ends[2].write(ends[1].read())
            ends[0].write(ends[3].read())
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("name", NAMES)
def test_clients_that_trust_the_authority_connect_by_every_name(tmp_path, name):
    handshake(tmp_path, SERVER, name)


def test_other_names_and_other_authorities_are_refused(tmp_path):
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, SERVER, "elsewhere.example")
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, issue_server(make_authority("Other", NOW), NAMES, NOW), "localhost")


def test_a_server_certificate_issues_nothing():
    forged = issue_server(Credential(SERVER.certificate_pem, SERVER.key_pem), NAMES, NOW)
    assert (
        renewal_reason(forged.certificate_pem, AUTHORITY.certificate_pem, NAMES, NOW) == "authority"
    )
    server = x509.load_pem_x509_certificate(SERVER.certificate_pem)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_renewal_is_decided_by_clock_names_and_authority():
    def reason(names=NAMES, days=0, pem=SERVER.certificate_pem, authority=AUTHORITY):
        return renewal_reason(pem, authority.certificate_pem, names, NOW + timedelta(days=days))

    assert reason() is None
    assert reason(["LOCALHOST"]) is None
    assert reason(days=366) is None
    assert reason(days=368) == "expiring"
    assert reason(days=5000) == "expiring"
    assert reason(days=-2) == "not-yet-valid"
    assert reason([*NAMES, "10.0.0.9"]) == "names"
    assert reason(authority=make_authority("WardBox 七号盒子", NOW)) == "authority"
    assert reason(pem=b"nonsense") == "unreadable"
    assert reason(pem=AUTHORITY.certificate_pem) == "unreadable"


def test_a_server_certificate_ends_with_its_authority():
    late = NOW + timedelta(days=3600)
    server = x509.load_pem_x509_certificate(issue_server(AUTHORITY, NAMES, late).certificate_pem)
    authority = x509.load_pem_x509_certificate(AUTHORITY.certificate_pem)
    assert server.not_valid_after_utc <= authority.not_valid_after_utc
    with pytest.raises(CertificateRefused, match="not valid"):
        issue_server(AUTHORITY, NAMES, NOW + timedelta(days=3651))


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a"] * 101,
        [""],
        ["a b"],
        ["-a"],
        ["a.-b"],
        ["*.x"],
        ["a" * 64],
        ["300.1.1.1"],
        ["http://x"],
        ["医院"],
        ["a\n"],
        ["x." * 130 + "y"],
        ["1.2.3"],
    ],
)
def test_names_that_cannot_be_served(names):
    with pytest.raises(CertificateRefused):
        issue_server(AUTHORITY, names, NOW)


def test_nonsense_is_a_sentence():
    for authority in (
        Credential(b"", b""),
        Credential(AUTHORITY.certificate_pem, b"no key"),
        Credential(b"\xff", AUTHORITY.key_pem),
    ):
        with pytest.raises(CertificateRefused):
            issue_server(authority, NAMES, NOW)
    for name, now, days in [("", NOW, 1), ("a\n", NOW, 1), ("a" * 65, NOW, 1), ("a", datetime(2030, 1, 1), 1),
                            ("a", NOW, -9), ("a", NOW, 10**7)]:  # fmt: skip
        with pytest.raises(CertificateRefused):
            make_authority(name, now, days)


def test_fingerprint_and_silence():
    assert len(fingerprint(SERVER.certificate_pem)) == 95
    assert fingerprint(SERVER.certificate_pem) != fingerprint(AUTHORITY.certificate_pem)
    assert "PRIVATE" not in repr(SERVER)
