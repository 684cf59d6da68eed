"""Who the receiver is: its certificate, its name, its address, and the box's own certificate."""

import socket
from datetime import UTC, datetime

import pytest

from appliance.forwarding.errors import ForwardMisconfigured, ReceiverLost
from appliance.forwarding.receiver import networks_of, tls_context
from secure_compute.certificates import make_authority
from tests.appliance.forwarding.receiver import Strict, wait_for


def refused(service) -> str:
    with pytest.raises(ReceiverLost) as caught:
        service.test()
    return str(caught.value.facts["reason_en"])


def test_a_test_message_arrives_and_names_the_receiver(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    told = sending.start().test()
    assert "TLSv1." in told
    assert "commonName=localhost" in told
    wait_for(lambda: any(one.id == "wardbox-test" for one in receiver.messages))


def test_another_name_another_authority_and_an_expired_certificate_are_refused(
    sending, strict, papers, tmp_path
):
    receiver = strict("siem.hospital.cn")
    sending.to(receiver.port)
    assert "Hostname mismatch" in refused(sending.start())
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(make_authority("Hospital SIEM", datetime.now(UTC)).certificate_pem)
    sending.to(strict().port, ca=stranger)
    assert "does not verify" in refused(sending.start())
    old = Strict(papers, papers.server("localhost", days_ago=60, days=30))
    try:
        sending.to(old.port)
        assert "expired" in refused(sending.start())
        assert old.messages == []
    finally:
        old.close()
    assert receiver.messages == []


def test_an_address_is_proven_like_a_name(sending, strict):
    receiver = strict("127.0.0.1")
    sending.to(receiver.port, host="127.0.0.1")
    sending.start().test()
    sending.to(receiver.port)
    assert "Hostname mismatch" in refused(sending.start())


def test_nothing_leaves_for_an_address_outside_the_hospital(sending, strict):
    receiver = strict()
    sending.to(receiver.port, near=["10.0.0.0/8"])
    assert "outside forward.networks" in refused(sending.start())
    sending.to(receiver.port, host="8.8.8.8", near=["10.0.0.0/8", "127.0.0.0/8"])
    assert "outside forward.networks" in refused(sending.start())
    sending.to(receiver.port, host="no-such-name.invalid")
    assert "not known" in refused(sending.start())
    assert receiver.connections == 0


def test_mutual_tls(sending, strict, papers):
    receiver = strict(mutual=True)
    sending.to(receiver.port, client=papers.client())
    end = sending.write(10)
    sending.start().test()
    wait_for(lambda: sending.position() >= end)
    # Without a certificate of its own, and with a stranger's, nothing counts as delivered.
    sending.opened[0].close()
    sending.to(receiver.port)
    assert refused(sending.start())
    other = papers.client(make_authority("Else", datetime.now(UTC)))
    sending.to(receiver.port, client=other)
    assert refused(sending.start())
    assert [one.id for one in receiver.messages].count("wardbox-test") == 1


def test_a_port_without_tls_and_one_without_anybody(sending):
    with socket.create_server(("127.0.0.1", 0)) as plain:
        sending.timeout_s = 0.3
        sending.to(plain.getsockname()[1])
        assert refused(sending.start()) == "it does not react"
        port = plain.getsockname()[1]
    sending.to(port)
    assert refused(sending.start()) == "nobody listens there"


def test_settings_that_cannot_be_used_are_sentences(tmp_path, papers):
    with pytest.raises(ForwardMisconfigured, match="ca_file is missing"):
        tls_context(None, None)
    with pytest.raises(ForwardMisconfigured, match="no certificate"):
        tls_context(tmp_path / "none.pem", None)
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(ForwardMisconfigured, match="no certificate"):
        tls_context(tmp_path / "junk.pem", None)
    client = papers.client()
    with pytest.raises(ForwardMisconfigured, match="no certificate"):
        tls_context(papers.ca, tmp_path / "junk.pem")
    client.chmod(0o644)
    with pytest.raises(ForwardMisconfigured, match="chmod 600"):
        tls_context(papers.ca, client)
    with pytest.raises(ForwardMisconfigured, match="no list of networks"):
        networks_of(["10.0.0.0/8", "hospital"])
