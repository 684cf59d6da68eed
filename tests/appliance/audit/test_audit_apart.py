"""The log written by a process of its own: what it tells, and what happens when it is killed."""

import os
import signal
import socket
from concurrent.futures import wait
from pathlib import Path

import pytest

from appliance.audit.distant import DistantScribe
from appliance.audit.errors import AuditTampered, EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.log import AuditLog
from appliance.audit.reading import Query
from appliance.audit.verify import verify
from appliance.errors import AuditUnavailable
from secure_compute.errors import NotCanonical
from tests.appliance.audit.conftest import KEY, note


@pytest.fixture
def apart(box):
    log = AuditLog.open_apart(box.path, KEY, box.identity, window_ms=0)
    box.opened.append(log)
    return log


def process_of(log):
    return log._scribe._process


def test_it_writes_what_the_other_way_writes(box, apart):
    futures = [apart.append(note(number)) for number in range(300)]
    leaves = [future.result(30) for future in futures]
    assert [leaf.index for leaf in leaves] == list(range(1, 301))
    for leaf in leaves[::50]:
        assert apart.reader.entry(leaf.index).event.request_id == f"req_{leaf.index - 1}"
    assert verify(apart.reader).ok
    apart.close()
    again = box.open()
    assert [e.event.tag for e in again.reader.search(Query(tag="box:*"))] == [
        "box:audit:start",
        "box:clock:step",
        "box:audit:stop",
        "box:audit:start",
    ]


def test_an_event_that_is_none_fails_alone(apart):
    odd = [
        (Event("a:b:c", "box", details={"x": object()}), NotCanonical),
        (Event("a:b:c", "box", details={"x": 1.5}), NotCanonical),
        (Event("a:b:c", "box", details={"x": 2**60}), NotCanonical),
        (Event("a:b:c", "box", details={"x": 2**70}), NotCanonical),
        (Event("a:b:c", "box", details={"x": "y" * 70_000}), EventTooLarge),
    ]
    good = [apart.append(note(1))]
    bad = [(apart.append(event), kind) for event, kind in odd]
    good.append(apart.append(note(2)))
    wait([*good, *(future for future, _ in bad)], 30)
    assert [type(future.result()) for future in good] == [Leaf, Leaf]
    for future, kind in bad:
        with pytest.raises(kind):
            future.result()


def test_a_killed_writer_is_told_replaced_and_on_the_record(apart):
    first = apart.append(note(1)).result(30)
    process_of(apart).kill()
    with pytest.raises(AuditUnavailable):
        apart.append(note(2)).result(30)
    assert not apart.healthy
    leaf = apart.append(note(3)).result(30)
    assert leaf.index > first.index
    assert apart.healthy
    gap = apart.reader.search(Query(tag="box:audit:gap"))[0]
    assert gap.event.details["refused"] == 1
    assert verify(apart.reader).ok


def test_signals_to_stop_do_not_stop_it_and_hanging_up_does(apart):
    process = process_of(apart)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(process.pid, number)
    assert isinstance(apart.append(note(1)).result(30), Leaf)
    apart.close()
    assert process.returncode == 0


def test_a_second_writer_is_refused_and_a_reader_reads_beside(box, apart):
    with pytest.raises(AuditUnavailable, match="another process"):
        box.open()
    assert apart.reader.head().size == 1


def test_its_refusal_to_open_is_the_refusal_itself(box, apart):
    apart.close()
    box.path.unlink()
    with pytest.raises(AuditTampered, match="it held"):
        DistantScribe(box.path, KEY, box.identity).open()


def test_keys_are_neither_in_its_arguments_nor_in_its_environment(apart):
    pid = process_of(apart).pid
    for name in ("cmdline", "environ"):
        told = Path(f"/proc/{pid}/{name}").read_bytes()
        assert KEY not in told
        assert KEY.hex().encode() not in told


def test_frames_survive_pieces_and_tell_a_lost_line():
    ours, theirs = socket.socketpair()
    with theirs:
        sender, receiver = Frames(theirs), Frames(ours)
        for message in ([1, "病", b"x" * 50_000], {"a": None}):
            sender.send(message)
            assert receiver.receive() == message
        with pytest.raises(TypeError):
            sender.send(object())
        sender.send([])
        assert receiver.receive() == []
        theirs.sendall(b"\x00\x00")
    with pytest.raises(FrameLost):
        receiver.receive()
    with pytest.raises(FrameLost):
        receiver.send([b"x"])
    receiver.close()
