"""The log: order, durability, batches, restarts, clocks, and refusing while it cannot write."""

import asyncio
import threading
import time

import pytest

from appliance.audit import events
from appliance.audit.errors import AuditTampered, EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.reading import Query
from appliance.audit.verify import verify
from appliance.db.errors import DbDiskFull
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


@pytest.fixture
def disk(monkeypatch):
    """A disk whose size is set while the log runs: pages that a database may have."""
    from appliance.audit import store

    class Disk:
        pages = 1_000_000

    def write(writer, change, plain=store.AuditWriter.write):
        writer._connection.execute(f"PRAGMA max_page_count = {Disk.pages}")
        plain(writer, change)

    monkeypatch.setattr(store.AuditWriter, "write", write)
    return Disk


def test_a_full_disk_refuses_until_there_is_room_and_loses_nothing(box, disk):
    log = box.open()
    kept = [log.append(note(number)).result(10) for number in range(10)]
    disk.pages = 30
    big = Event("x:y:z", "key:a", details={"x": "y" * 60_000})
    refused, reasons, unhealthy = 0, [], []
    for _ in range(6):
        try:
            kept.append(log.append(big).result(10))
        except AuditUnavailable as error:
            refused += 1
            reasons.append(str(error))
            unhealthy.append(not log.healthy)
    assert refused > 2
    assert all("full" in reason for reason in reasons)
    assert all(unhealthy)
    disk.pages = 1_000_000
    after = log.append(note(99)).result(10)
    assert log.healthy
    (gap,) = log.reader.search(Query(tag="box:audit:gap"))
    assert gap.event.details["refused"] == refused
    assert after.index == gap.index + 1
    for leaf in kept:
        assert leaf_hash(log.reader.entry(leaf.index).leaf) == leaf.hash
    assert verify(log.reader).ok
    log.close()
    box.open()


def test_a_quiet_log_recovers_by_itself(box, disk, monkeypatch):
    monkeypatch.setattr("appliance.audit.writer._RETRY_S", 0.01)
    log = box.open()
    disk.pages = 1
    big = Event("x:y:z", "key:a", details={"x": "y" * 60_000})
    with pytest.raises(AuditUnavailable):
        log.append(big).result(10)
    assert not log.healthy
    disk.pages = 1_000_000
    for _ in range(500):
        if log.healthy:
            break
        time.sleep(0.01)
    assert log.healthy
    assert tags(log)[-1] == "box:audit:gap"


def open_many_times(box):
    for _ in range(200):
        box.open().close()


def test_a_disk_that_is_full_at_the_start_lets_no_log_open(box, disk):
    box.open().close()
    disk.pages = 1
    with pytest.raises(DbDiskFull):
        open_many_times(box)
    disk.pages = 1_000_000
    assert verify(box.open().reader).ok


def test_too_many_waiting_events_are_refused_at_once(log, monkeypatch):
    monkeypatch.setattr("appliance.audit.writer.MAX_WAITING", 0)
    with pytest.raises(AuditUnavailable, match="too many"):
        log.append(note(1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_breaks_leaves_nobody_waiting(log):

    def explode(*_, **__):
        raise ZeroDivisionError

    log._scribe.commit = explode
    futures = [log.append(note(number)) for number in range(3)]
    for future in futures:
        with pytest.raises(AuditUnavailable):
            future.result(10)
    with pytest.raises(AuditUnavailable):
        log.append(note(2))


def tamper(box, *statements):
    from appliance.audit.store import create
    from tests.appliance.audit.conftest import KEY

    connection = create(box.path, KEY, box.clock)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)",
        "DELETE FROM entries WHERE idx > 290",
        "UPDATE entries SET leaf = CAST(replace(leaf, 'key:a', 'key:b') AS BLOB) WHERE idx = 300",
        "UPDATE head SET size = size - 1",
        "UPDATE head SET peaks = zeroblob(length(peaks))",
        "UPDATE head SET note = replace(note, 'wardbox/test', 'wardbox/evil')",
        "UPDATE head SET note = 'nothing'",
        "DELETE FROM head",
        "DELETE FROM tiles",
        "UPDATE tiles SET root = zeroblob(32)",
        "INSERT INTO entries SELECT 9999, time, tag, actor, NULL, NULL, leaf FROM entries LIMIT 1",
    ],
)
def test_a_log_that_was_tampered_with_does_not_open(box, statement):
    log = box.open()
    for future in [log.append(note(number)) for number in range(300)]:
        future.result(10)
    log.close()
    tamper(box, statement)
    with pytest.raises(AuditTampered) as caught:
        box.open()
    assert caught.value.way_out


def filled_and_closed(box, count):
    log = box.open()
    for future in [log.append(note(number)) for number in range(count)]:
        future.result(10)
    log.close()


def test_a_deleted_database_does_not_start_a_new_log(box):
    filled_and_closed(box, 3)
    for path in box.path.parent.glob("audit.db*"):
        if path.suffix not in {".anchor", ".lock"}:
            path.unlink()
    with pytest.raises(AuditTampered, match="now holds 0"):
        box.open()


def test_an_older_copy_of_the_database_does_not_open(box):
    filled_and_closed(box, 300)
    old = box.path.read_bytes()
    filled_and_closed(box, 3)
    box.path.write_bytes(old)
    with pytest.raises(AuditTampered, match="now holds"):
        box.open()


def test_another_history_of_the_same_length_does_not_open(box):
    filled_and_closed(box, 300)
    fork = box.path.read_bytes()
    anchor = box.path.with_name("audit.db.anchor")
    before = anchor.read_bytes()
    filled_and_closed(box, 5)
    kept = anchor.read_bytes()
    box.path.write_bytes(fork)
    anchor.write_bytes(before)
    box.clock.move(60)
    filled_and_closed(box, 50)
    anchor.write_bytes(kept)
    with pytest.raises(AuditTampered, match="did not grow"):
        box.open()


def test_a_damaged_anchor_is_told(box):
    filled_and_closed(box, 3)
    box.path.with_name("audit.db.anchor").write_bytes(b"nonsense")
    with pytest.raises(AuditTampered, match="anchor"):
        box.open()


def test_a_log_of_another_key_does_not_open(box):
    from appliance.audit.ledger import AuditIdentity
    from secure_compute.signing import SigningKey

    box.open().close()
    box.identity = AuditIdentity(SigningKey.generate(), "wardbox/test")
    with pytest.raises(AuditTampered):
        box.open()


def test_an_older_copy_of_the_whole_log_is_found_by_who_kept_a_checkpoint(box):
    log = box.open()
    log.append(note(1)).result(10)
    old = verify_checkpoint(log.reader.checkpoint().encode(), log.note_key)
    log.append(note(2)).result(10)
    new = verify_checkpoint(log.reader.checkpoint().encode(), log.note_key)
    from secure_compute.merkle import verify_consistency

    proof = log.reader.consistency(old.size, new.size)
    verify_consistency(old.size, new.size, proof, old.root, new.root)


def test_events_of_the_box_have_the_box_as_actor(log):
    assert log.reader.entry(0).event.actor == events.BOX
