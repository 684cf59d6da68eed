"""The log written by a process of its own: what it tells, and what happens when it is killed."""

import asyncio
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
from secure_compute.merkle import leaf_hash
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


async def test_a_loop_has_a_line_of_its_own(apart):
    apart.attach()
    await asyncio.sleep(0)
    leaves = await asyncio.gather(*(apart.record(note(number)) for number in range(500)))
    assert sorted(leaf.index for leaf in leaves) == list(range(1, 501))
    # Whoever blocks the loop may still record: the other line needs no loop.
    assert apart.append(note(1)).result(30).index == 501
    for leaf in leaves[::100]:
        assert leaf_hash(apart.reader.entry(leaf.index).leaf) == leaf.hash
    await asyncio.to_thread(apart.close)
    assert process_gone(apart)


async def test_on_a_loop_an_event_that_is_none_fails_alone(apart):
    apart.attach()
    await asyncio.sleep(0)
    events = [
        note(1),
        Event("a:b:c", "box", details={"x": object()}),
        note(2),
        Event("a:b:c", "box", details={"x": 1.5}),
        Event("a:b:c", "box", details={"x": "y" * 70_000}),
        note(3),
    ]
    told = await asyncio.gather(*(apart.record(e) for e in events), return_exceptions=True)
    kinds = [Leaf, NotCanonical, Leaf, NotCanonical, EventTooLarge, Leaf]
    assert [type(one) for one in told] == kinds


async def test_a_writer_killed_under_a_loop_is_told_replaced_and_on_the_record(apart):
    apart.attach()
    await asyncio.sleep(0)
    kept, refused = [], 0
    for wave in range(60):
        if wave == 5:
            process_of(apart).kill()
        one = await asyncio.gather(
            *(apart.record(note(wave)) for _ in range(20)), return_exceptions=True
        )
        kept += [leaf for leaf in one if isinstance(leaf, Leaf)]
        refused += sum(isinstance(error, AuditUnavailable) for error in one)
        if refused and apart.healthy and wave > 20:
            break
        await asyncio.sleep(0.02)
    for _ in range(500):
        if apart.healthy:
            break
        await asyncio.sleep(0.02)
    assert isinstance(await apart.record(note(7)), Leaf)
    assert refused
    for leaf in kept:
        assert leaf_hash(apart.reader.entry(leaf.index).leaf) == leaf.hash
    assert apart.reader.search(Query(tag="box:audit:gap"))
    assert verify(apart.reader).ok


async def test_closing_on_the_loop_itself_loses_nothing(box, apart):
    apart.attach()
    await asyncio.sleep(0)
    told = []
    for number in range(50):
        apart.submit_nowait(note(number), told.append)
    apart.close()
    assert [type(one) for one in told] == [Leaf] * 50
    with pytest.raises(AuditUnavailable):
        apart.submit_nowait(note(1), told.append)
    again = box.open()
    assert not again.reader.search(Query(tag="box:audit:unclean-stop"))


def process_gone(log):
    return log._scribe._process is None
