"""Entries reach the hospital's SIEM, each at least once, whatever happens to the receiver."""

import dataclasses
import json
import time

import pytest

from appliance.audit.rendering.meaning import Source
from appliance.forwarding import forwarder
from appliance.forwarding.syslog import Sender
from secure_compute.merkle import leaf_hash
from tests.appliance.audit.conftest import note
from tests.appliance.forwarding.receiver import missing, wait_for


def test_every_entry_arrives_once_in_order_and_as_it_was_hashed(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    sending.write(500)
    service = sending.start()
    end = sending.write(500)
    wait_for(lambda: sending.position() >= end)
    reader = sending.log.reader
    assert receiver.seqs() == list(range(reader.size()))
    for one in receiver.messages[::97]:
        assert one.data["log"] == "wardbox/test"
        assert leaf_hash(one.body).hex() == one.data["hash"] == reader.leaf_hash(one.seq).hex()
        assert json.loads(one.body)["seq"] == one.seq
        assert (one.host, one.app) == ("box.hospital.cn", "WardBox")
        assert one.priority == 13 * 8 + 6
        assert one.id == json.loads(one.body)["tag"][:32]
    standing = service.status()
    assert (standing.state, standing.behind, standing.late) == ("running", 0, False)
    assert standing.progress is not None
    assert standing.progress.messages == reader.size()


@pytest.mark.parametrize(("name", "begins"), [("cef", b"CEF:0|"), ("dicom", b"<AuditMessage>")])
def test_other_formats_carry_number_and_hash_too(sending, strict, name, begins):
    receiver = strict()
    sending.to(receiver.port)
    sender = Sender(Source("wardbox/test", "box", "1"), 10, name)
    sending.rules = dataclasses.replace(sending.rules, sender=sender)
    end = sending.write(20)
    sending.start()
    wait_for(lambda: sending.position() >= end)
    assert missing(receiver.seqs(), 0, end) == []
    assert all(one.body.startswith(begins) for one in receiver.messages)
    assert all(
        one.data["hash"] == sending.log.reader.leaf_hash(one.seq).hex() for one in receiver.messages
    )


def test_only_the_tags_that_are_wanted_travel(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    sending.rules = dataclasses.replace(sending.rules, tags=("model:*", "box:audit:start"))
    end = sending.write(10)
    sending.start()
    wait_for(lambda: sending.position() >= end)
    assert {one.id for one in receiver.messages} == {"box:audit:start", "model:completion:accept"}


def test_the_first_time_begins_now_unless_told_else(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    before = sending.write(50)
    sending.rules = dataclasses.replace(sending.rules, from_start=False)
    sending.start()
    end = sending.write(3)
    wait_for(lambda: sending.position() >= end)
    assert min(receiver.seqs()) == before


def test_a_receiver_that_restarts_misses_nothing(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    sending.write(200)
    service = sending.start()
    wait_for(lambda: len(receiver.messages) > 50)
    receiver.close()
    first = receiver.seqs()
    sending.write(200)
    wait_for(lambda: service.status().state == "failing")
    assert service.status().reason_en
    again = strict(port=receiver.port)
    end = sending.write(10)
    wait_for(lambda: sending.position() >= end, service.status)
    assert missing(first + again.seqs(), 0, end) == []
    wait_for(lambda: service.status().state == "running")


def test_what_a_killed_receiver_had_not_read_is_sent_again(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    receiver.reading.clear()
    end = sending.write(100)
    service = sending.start()
    # The kernel has taken everything, the program has read nothing of it: that is no delivery.
    wait_for(lambda: (service.status().progress.messages) >= 100)
    assert sending.position() == 0
    receiver.close()
    again = strict(port=receiver.port)
    wait_for(lambda: sending.position() >= end, service.status)
    assert missing(again.seqs(), 0, end) == []


@pytest.mark.slow
def test_a_receiver_that_stalls_holds_nobody_up(sending, strict, monkeypatch):
    monkeypatch.setattr(forwarder, "_IDLE_S", 60.0)
    sending.timeout_s = 1.0
    receiver = strict()
    sending.to(receiver.port)
    receiver.reading.clear()
    service = sending.start()
    big = [sending.log.append(note(n, actor="key:" + "x" * 3000)) for n in range(4000)]
    for future in big:
        future.result()
    wait_for(lambda: service.status().state == "failing", service.status)
    assert service.status().reason_en in {"it does not react", "it ended the connection"}
    # While it stalls, the log takes whatever comes.
    end = sending.write(100)
    receiver.reading.set()
    monkeypatch.setattr(forwarder, "_IDLE_S", 0.05)
    wait_for(lambda: sending.position() >= end, service.status, 120)
    assert missing(receiver.seqs(), 0, end) == []


def test_a_box_that_ends_in_the_middle_goes_on_where_it_was_confirmed(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    sending.write(300)
    service = sending.start()
    wait_for(lambda: sending.position() > 0)
    service.close()
    confirmed = sending.position()
    end = sending.write(300)
    sending.start()
    wait_for(lambda: sending.position() >= end)
    seqs = receiver.seqs()
    assert missing(seqs, 0, end) == []
    assert min(seqs[len(seqs) - (end - confirmed) :]) >= 0


@pytest.mark.slow
def test_memory_and_position_do_not_depend_on_the_backlog(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    end = sending.write(3000)
    service = sending.start()
    wait_for(lambda: sending.position() >= end, service.status, 120)
    assert missing(receiver.seqs(), 0, end) == []
    assert receiver.seqs() == sorted(receiver.seqs())


@pytest.mark.slow
def test_an_hours_backlog_is_told_once_and_worked_off(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    receiver.close()
    sending.write(2000)
    sending.ahead_s = 3600.0
    service = sending.start()
    wait_for(lambda: service.status().state == "failing", service.status)
    standing = service.watch()
    assert standing.late
    assert 3500 < standing.lag_s < 3700
    assert standing.behind >= 2000
    again = strict(port=receiver.port)
    end = sending.write(1)
    wait_for(lambda: sending.position() >= end, service.status, 120)
    standing = service.watch()
    assert (standing.late, standing.state) == (False, "running")
    assert missing(again.seqs(), 0, end) == []


def test_a_log_that_is_shorter_than_what_was_sent_goes_on_from_its_end(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    from appliance.forwarding.store import ForwardStore

    size = sending.write(5)
    ForwardStore(sending.db).move(size + 1000, time.time())
    sending.start()
    wait_for(lambda: sending.position() <= sending.log.reader.size())
    end = sending.write(2)
    wait_for(lambda: sending.position() >= end)
    assert receiver.seqs()[-1] == end - 1


def test_it_is_put_on_record_that_it_began_and_ended(sending, strict):
    receiver = strict()
    sending.to(receiver.port)
    sending.start().close()
    entries = sending.log.reader.entries(0, sending.log.reader.size())
    tags = [one.event.tag for one in entries]
    assert "audit:forward:start" in tags
    assert "audit:forward:stop" in tags
