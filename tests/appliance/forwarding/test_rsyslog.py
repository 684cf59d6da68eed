"""Debian's rsyslog as the hospital's receiver: restarted, killed, stopped in the middle, a long backlog."""

import dataclasses
import json
import signal

import pytest

from appliance.audit.rendering.meaning import Source
from appliance.forwarding import forwarder
from appliance.forwarding.syslog import Sender
from secure_compute.merkle import leaf_hash
from tests.appliance.forwarding.receiver import HERE, WHY, Rsyslog, missing, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HERE, reason=WHY)]


@pytest.fixture
def rsyslog(papers, tmp_path):
    home = tmp_path / "rsyslog"
    home.mkdir()
    made = Rsyslog(home, papers, papers.server("localhost"))
    made.start()
    yield made
    made.stop()


def test_it_reads_every_field_and_every_byte(sending, rsyslog):
    sending.to(rsyslog.port)
    end = sending.write(300)
    service = sending.start()
    wait_for(lambda: sending.position() >= end, service.status)
    wait_for(lambda: missing(rsyslog.seqs(), 0, end) == [])
    reader = sending.log.reader
    for priority, _, host, app, about, data, message in rsyslog.lines()[::41]:
        entry = json.loads(message)
        assert (priority, host, app) == ("110", "box.hospital.cn", "WardBox")
        assert about == entry["tag"][:32]
        assert f'seq="{entry["seq"]}"' in data
        assert leaf_hash(message.encode()).hex() == reader.leaf_hash(entry["seq"]).hex()
    assert "commonName=localhost" in service.test()
    wait_for(lambda: any(line[4] == "wardbox-test" for line in rsyslog.lines()))


def test_dicom_messages_are_read_as_ihe_has_them(sending, rsyslog):
    sender = Sender(Source("wardbox/test", "box", "1"), 10, "dicom")
    sending.rules = dataclasses.replace(sending.rules, sender=sender)
    sending.to(rsyslog.port)
    end = sending.write(5)
    sending.start()
    wait_for(lambda: missing(rsyslog.seqs(), 0, end) == [])
    assert {line[4] for line in rsyslog.lines()} == {"IHE+RFC-3881"}
    assert all(line[6].startswith("<AuditMessage>") for line in rsyslog.lines())


def test_killed_and_restarted_it_misses_nothing(sending, rsyslog, monkeypatch):
    # What it read and had not written when it was killed is its own loss: so none is confirmed before.
    monkeypatch.setattr(forwarder, "_IDLE_S", 600.0)
    sending.to(rsyslog.port)
    sending.write(2000)
    service = sending.start()
    wait_for(lambda: len(rsyslog.seqs()) > 200)
    rsyslog.stop()
    sending.write(500)
    wait_for(lambda: service.status().state == "failing", service.status)
    monkeypatch.setattr(forwarder, "_IDLE_S", 0.05)
    rsyslog.start()
    end = sending.write(10)
    wait_for(lambda: sending.position() >= end, service.status, 120)
    wait_for(lambda: missing(rsyslog.seqs(), 0, end) == [], service.status)


def test_stopped_in_the_middle_it_gets_the_rest_later(sending, rsyslog):
    sending.timeout_s = 2.0
    sending.to(rsyslog.port)
    service = sending.start()
    rsyslog.signal(signal.SIGSTOP)
    end = sending.write(3000)
    wait_for(lambda: service.status().state == "failing", service.status)
    rsyslog.signal(signal.SIGCONT)
    wait_for(lambda: sending.position() >= end, service.status, 120)
    wait_for(lambda: missing(rsyslog.seqs(), 0, end) == [])


def test_mutual_tls_with_rsyslog(sending, papers, tmp_path):
    home = tmp_path / "strict"
    home.mkdir()
    made = Rsyslog(home, papers, papers.server("localhost"), auth="x509/certvalid")
    made.start()
    try:
        sending.to(made.port, client=papers.client())
        end = sending.write(20)
        service = sending.start()
        wait_for(lambda: missing(made.seqs(), 0, end) == [], service.status)
        service.close()
        # Without a certificate nothing is taken, and nothing counts as delivered.
        sending.to(made.port)
        before = sending.position()
        sending.write(5)
        again = sending.start()
        wait_for(lambda: again.status().state == "failing", again.status)
        assert sending.position() == before
    finally:
        made.stop()
