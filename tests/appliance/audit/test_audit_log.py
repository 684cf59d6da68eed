"""The log: order, durability, batches, restarts and clocks."""

import asyncio
import threading

import pytest

from appliance.audit import events
from appliance.audit.errors import EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.reading import Query
from appliance.audit.verify import verify
from appliance.errors import AuditUnavailable
from secure_compute.canonical import parse_canonical
from secure_compute.errors import NotCanonical
from secure_compute.merkle import leaf_hash, verify_inclusion
from secure_compute.note import verify_checkpoint
from tests.appliance.audit.conftest import note


def tags(log):
    return [entry.event.tag for entry in reversed(log.reader.search(Query(limit=1000)))]


def test_an_event_becomes_a_canonical_leaf_with_a_proof(log):
    leaf = log.append(note(1)).result(10)
    entry = log.reader.entry(leaf.index)
    assert parse_canonical(entry.leaf)["details"] == {"model": "m", "route": "/v1/chat"}
    assert entry.event == note(1)
    assert leaf.hash == leaf_hash(entry.leaf)
    assert leaf.seq == leaf.index == 1
    head = verify_checkpoint(log.reader.checkpoint().encode(), log.note_key)
    proof = log.reader.inclusion(leaf.index, head.size)
    verify_inclusion(leaf.hash, leaf.index, head.size, proof, head.root)


def test_many_threads_and_coroutines_write_one_gapless_log(log):
    def work(actor):
        for number in range(40):
            log.append(note(number, actor)).result(20)

    async def crowd():
        async def one(actor):
            return [await log.record(note(number, actor)) for number in range(40)]

        return await asyncio.gather(*(one(f"key:c{i}") for i in range(20)))

    threads = [threading.Thread(target=work, args=(f"key:t{i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    leaves = [leaf for part in asyncio.run(crowd()) for leaf in part]
    for thread in threads:
        thread.join()
    assert len({leaf.index for leaf in leaves}) == 800
    report = verify(log.reader)
    assert report.ok, report.sentence
    assert report.entries == 1001
    for i in range(20):
        found = log.reader.search(Query(actor=f"key:c{i}", limit=1000))
        assert [e.event.request_id for e in found] == [f"req_{n}" for n in reversed(range(40))]


async def test_callbacks_of_one_commit_arrive_together(log, monkeypatch):
    loop = asyncio.get_running_loop()
    calls = []
    plain = loop.call_soon_threadsafe
    monkeypatch.setattr(
        loop, "call_soon_threadsafe", lambda *args: (calls.append(args), plain(*args))[1]
    )
    done = asyncio.Event()
    outcomes = []

    def settle(outcome):
        outcomes.append(outcome)
        if len(outcomes) == 500:
            done.set()

    for number in range(500):
        log.submit_nowait(note(number), settle)
    await asyncio.wait_for(done.wait(), 20)
    assert all(isinstance(outcome, Leaf) for outcome in outcomes)
    assert [outcome.index for outcome in outcomes] == list(range(1, 501))
    assert len(calls) < 100


async def test_a_caller_that_gave_up_is_recorded_all_the_same(log):
    task = asyncio.create_task(log.record(note(1)))
    await asyncio.sleep(0)
    task.cancel()
    future = log.append(note(2))
    future.cancel()
    leaf = await log.record(note(3))
    found = {entry.event.request_id for entry in log.reader.search(Query(actor="key:a"))}
    assert found == {"req_1", "req_2", "req_3"}
    assert leaf.index == 3


def test_a_loop_that_is_gone_disturbs_nobody(log):
    async def leave():
        log.submit_nowait(note(1), lambda outcome: None)

    asyncio.run(leave())
    assert log.append(note(2)).result(10).index == 2


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"x": 1.5}, NotCanonical),
        ({"x": "\ud800"}, NotCanonical),
        ({"x": 1 << 60}, NotCanonical),
        ({"x": b"raw"}, NotCanonical),
        ({"x": "long" * 20_000}, EventTooLarge),
    ],
)
def test_an_event_that_is_none_fails_alone(log, details, error):
    before = log.append(note(1))
    bad = log.append(Event("x:y:z", "key:a", details=details))
    after = log.append(note(2))
    with pytest.raises(error):
        bad.result(10)
    assert (before.result(10).index, after.result(10).index) == (1, 2)
    assert verify(log.reader).ok


def test_start_and_stop_frame_the_log(box):
    box.open(version="1.2").close("update")
    log = box.open()
    assert tags(log) == ["box:audit:start", "box:audit:stop", "box:audit:start"]
    assert log.reader.entry(1).event.details == {"reason": "update"}
    assert log.reader.entry(0).event.details == {"size": 0, "version": "1.2"}


def test_an_unclean_stop_is_recorded_at_the_next_start(box):
    log = box.open()
    log.append(note(1)).result(10)
    box.crash(log)
    again = box.open()
    assert tags(again)[-2:] == ["box:audit:unclean-stop", "box:audit:start"]
    assert again.reader.entry(2).event.details["last_time"] == again.reader.entry(1).time


def test_time_never_runs_backwards_and_steps_are_told(box):
    log = box.open()
    first = log.append(note(1)).result(10)
    box.clock.move(-3600)
    second = log.append(note(2)).result(10)
    assert second.time == first.time
    box.clock.move(7200)
    third = log.append(note(3)).result(10)
    assert third.time == first.time + 3_600_000_000
    steps = log.reader.search(Query(tag="box:clock:step"))
    seconds = [round(entry.event.details["step_us"] / 1e6) for entry in steps]
    assert seconds == [7200, -3600]
    log.close()
    box.clock.move(-86_400)
    again = box.open()
    (step, *_) = again.reader.search(Query(tag="box:clock:step"))
    assert round(step.event.details["step_us"] / 1e6) == -86_400
    assert verify(again.reader).ok


def test_a_second_writer_is_refused(box, log):
    with pytest.raises(AuditUnavailable, match="another process"):
        box.open()
    log.close()
    box.open()


def test_a_closed_log_refuses(log):
    log.close()
    with pytest.raises(AuditUnavailable):
        log.append(note(1))
    assert not log.healthy


def test_events_of_the_box_have_the_box_as_actor(log):
    assert log.reader.entry(0).event.actor == events.BOX
