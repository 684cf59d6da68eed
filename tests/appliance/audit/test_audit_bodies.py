"""Bodies and their entries: together or told, through the writing process, a full disk and a crash."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest

from appliance.audit.log import AuditLog
from appliance.audit.query import Query
from appliance.audit.verify import verify
from appliance.bodies.keeper import Place
from appliance.bodies.reading import BodyReader
from appliance.bodies.sealing import Sealer, number_of
from appliance.bodies.shape import Kept, NotKept
from appliance.bodies.store import BodyStore
from appliance.errors import AuditUnavailable
from secure_compute.secret import Secret
from tests.appliance.audit.conftest import KEY as LOG_KEY
from tests.appliance.audit.conftest import note
from tests.appliance.bodies.bodily import KEY, PATIENT, answered, body, receipt, seal

BODIES = b"b" * 32
HOUSE = Path(__file__).parents[3]


class OneKey:
    """Opens every body of these tests."""

    def opening(self, _receipt, _patient):
        return Secret(KEY)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "bodies.db", BODIES)


@pytest.fixture
def bodies(place):
    with closing(BodyReader(place.path, lambda: BODIES, OneKey())) as reader:
        yield reader


def entries(log, tag):
    return [entry.event for entry in reversed(log.reader.search(Query(tag=tag)))]


def test_an_entry_is_found_with_its_body_and_its_patient(box, place, bodies):
    log = box.open(bodies=place)
    name = receipt()
    leaf = log.append(answered(name, b"ask", b"told", seal(PATIENT))).result(10)
    (entry,) = log.reader.search(Query(patient=PATIENT))
    assert entry.index == leaf.index
    found = bodies.find(entry.event.details)
    assert isinstance(found, Kept)
    assert found.texts == {"prompt": b"ask", "answer": b"told"}
    assert b"told" not in entry.leaf
    assert bodies.standing(entry.event.details) is None
    assert verify(log.reader).ok


def test_an_entry_without_a_body_says_so(box, place, bodies):
    log = box.open(bodies=place)
    log.append(note(1)).result(10)
    assert not place.path.exists()
    (entry,) = entries(log, "model:completion:accept")
    assert bodies.find(entry.details) == NotKept("none")
    missing = {"receipt": receipt(), "body": "kept", "patient": None}
    assert bodies.find(missing) == NotKept("missing")
    assert bodies.standing({**missing, "body": "low-space"}) == NotKept("low-space")


def test_while_bodies_cannot_be_kept_the_log_goes_on_and_says_from_when_to_when(box, place):
    log = box.open(bodies=place)
    place.path.mkdir()
    kept = [log.append(answered(receipt(), b"a", b"b", seal())).result(10) for _ in range(3)]
    log.append(note(1)).result(10)
    place.path.rmdir()
    log._scribe._bodies._keeper._again = 0.0
    kept.append(log.append(answered(receipt(), b"a", b"b", seal())).result(10))
    said = [event.details["body"] for event in entries(log, "model:completion:answer")]
    assert said == ["failed"] * 3 + ["kept"]
    (stop,) = entries(log, "box:bodies:stop")
    assert stop.details["reason"]
    (resume,) = entries(log, "box:bodies:resume")
    assert resume.details == {"lost": 3}
    assert [log.reader.leaf_hash(leaf.index) == leaf.hash for leaf in kept] == [True] * 4
    assert verify(log.reader).ok


def test_a_log_without_a_place_for_bodies_says_that_none_is_kept(log):
    log.append(answered(receipt(), b"a", b"b", seal())).result(10)
    (event,) = entries(log, "model:completion:answer")
    assert event.details["body"] == "failed"
    assert entries(log, "box:bodies:stop")


def test_a_body_whose_entry_never_came_is_swept_at_the_next_opening(box, place):
    log = box.open(bodies=place)
    name = receipt()
    log.append(answered(name, b"a", b"b", seal())).result(10)
    keeper = log._scribe._bodies._keeper
    assert keeper.keep([body(receipt()), body(receipt())]) == ""
    box.crash(log)
    again = box.open(bodies=place)
    with closing(BodyStore.open(place.path, BODIES)) as store:
        assert store.newest(9) == [number_of(name)]
    again.close()
    # A log that was closed in good order left nothing behind: nothing is looked for.
    with closing(BodyStore.create(place.path, BODIES, box.clock)) as store:
        store.add([Sealer().seal(body(receipt()))])
    box.open(bodies=place)
    with closing(BodyStore.open(place.path, BODIES)) as store:
        assert store.count() == 2


def test_the_writing_process_seals_and_overwrites_only_its_own_key(box, place, bodies):
    log = AuditLog.open_apart(box.path, LOG_KEY, box.identity, bodies=place)
    box.opened.append(log)
    kept = seal(PATIENT)
    for _ in range(3):
        log.append(answered(receipt(), b"ask", b"told", kept)).result(20)
    assert kept.key == KEY
    for event in entries(log, "model:completion:answer"):
        assert event.details["body"] == "kept"
        assert bodies.find(event.details).texts["answer"] == b"told"


async def test_long_bodies_do_not_all_go_along_at_once(box, place, bodies):
    log = await asyncio.to_thread(
        AuditLog.open_apart, box.path, LOG_KEY, box.identity, bodies=place
    )
    box.opened.append(log)
    batches = []
    log.told = lambda events, _seconds, _waiting: batches.append(events)
    log.attach()
    long, kept = os.urandom(1 << 20), seal()
    waiting = [log.record(answered(receipt(), long, b"told", kept)) for _ in range(6)]
    waiting.append(log.record(answered(receipt(), long * 5, b"told", seal(limit=1 << 24))))
    await asyncio.gather(*waiting)
    assert sum(batches) == 7
    assert max(batches) <= 4
    for event in entries(log, "model:completion:answer"):
        found = bodies.find(event.details)
        assert found.cut == ()
        assert found.texts["prompt"].startswith(long)
    await asyncio.to_thread(log.close)


_WRITER = """
    import sys
    from pathlib import Path
    from appliance.audit.ledger import AuditIdentity
    from appliance.audit.log import AuditLog
    from appliance.bodies.keeper import Place
    from datetime import UTC, datetime
    from secure_compute.signing import SigningKey
    from tests.appliance.bodies.bodily import answered, receipt, seal
    path, key, place = Path(sys.argv[1]), bytes(range(32)), Place(Path(sys.argv[2]), b"b" * 32)
    identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
    log = AuditLog.open(path, key, identity, clock=lambda: datetime.now(UTC), bodies=place)
    waiting = []
    while True:
        name = receipt()
        waiting.append((name, log.append(answered(name, b"ask" * 50, b"told" * 50, seal()))))
        if len(waiting) == 8:
            for name, future in waiting:
                future.result(30)
                print(name, flush=True)
            waiting.clear()
"""


@pytest.mark.slow
def test_killed_under_load_no_entry_points_to_nothing_and_no_body_is_left_alone(box, place, bodies):
    acknowledged = []
    for turn in range(12):
        with subprocess.Popen(  # this very interpreter
            (sys.executable, "-c", textwrap.dedent(_WRITER), str(box.path), str(place.path)),
            cwd=HOUSE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            acknowledged += [writer.stdout.readline().strip() for _ in range(5 + 7 * turn)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [line.strip() for line in writer.stdout if len(line) == 35]
    log = box.open(bodies=place)
    names = {}
    for entry in log.reader.entries(0, log.reader.size()):
        if entry.event.tag == "model:completion:answer":
            names[entry.event.details["receipt"]] = entry
            assert isinstance(bodies.find(entry.event.details), Kept)
    assert set(acknowledged) <= set(names)
    with closing(BodyStore.open(place.path, BODIES)) as store:
        assert set(store.newest(100_000)) == {number_of(name) for name in names}
    assert verify(log.reader).ok
    print(f"kills: 12; acknowledged {len(acknowledged)}, recorded {len(names)}")


def test_nobody_is_answered_before_both_disks_have_it(box, place, monkeypatch):
    log = box.open(bodies=place)
    going, go_on = threading.Event(), threading.Event()
    flushed = BodyStore.flush

    def slow(store):
        going.set()
        assert go_on.wait(30)
        flushed(store)

    monkeypatch.setattr(BodyStore, "flush", slow)
    future = log.append(answered(receipt(), b"a", b"b", seal()))
    assert going.wait(30)
    # The entry is written while the disk of the bodies is waited for; nobody hears of it yet.
    while not entries(log, "model:completion:answer"):
        pass
    assert not future.done()
    go_on.set()
    assert future.result(30)


def test_a_disk_that_loses_bodies_while_their_entries_are_written_answers_nobody(
    box, place, monkeypatch
):
    log = box.open(bodies=place)

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(BodyStore, "flush", broken)
        with pytest.raises(AuditUnavailable, match="Input/output error"):
            log.append(answered(receipt(), b"a", b"b", seal())).result(30)
    log.append(note(1)).result(30)
    (gap,) = entries(log, "box:audit:gap")
    assert gap.details["refused"] == 1
    assert verify(log.reader).ok


def test_entries_that_lost_their_bodies_to_a_power_cut_are_told(box, place, bodies):
    log = box.open(bodies=place)
    kept = log.append(answered(receipt(), b"a", b"b", seal())).result(10)
    box.clock.move(1)
    future = [log.append(answered(receipt(), b"a", b"b", seal())) for _ in range(3)][-1]
    future.result(10)
    last = log.reader.head().time
    lost = [entry for entry in log.reader.entries(kept.index + 1, 99) if entry.time == last]
    box.crash(log)
    # As after a power cut: the entries of the last commit are there, and their bodies are not.
    with closing(BodyStore.create(place.path, BODIES, box.clock)) as store:
        store.drop([number_of(entry.event.details["receipt"]) for entry in lost])
    again = box.open(bodies=place)
    (told,) = entries(again, "audit:body:lose")
    assert told.details == {"lost": len(lost)}
    assert bodies.find(lost[-1].event.details) == NotKept("missing")
    again.append(answered(receipt(), b"a", b"b", seal())).result(10)
    box.crash(again)
    once_more = box.open(bodies=place)
    assert len(entries(once_more, "audit:body:lose")) == 1


def test_one_commit_takes_no_more_bodies_than_memory_has_room_for(box, place, monkeypatch):
    monkeypatch.setattr("appliance.audit.writer.MAX_BYTES", 50_000)
    log = box.open(bodies=place)
    batches, going, go_on = [], threading.Event(), threading.Event()
    log.told = lambda events, _seconds, _waiting: batches.append(events)
    flushed = BodyStore.flush

    def slow(store):
        going.set()
        assert go_on.wait(30)
        flushed(store)

    monkeypatch.setattr(BodyStore, "flush", slow)
    waiting = [log.append(answered(receipt(), b"a", b"b", seal()))]
    assert going.wait(30)
    long = os.urandom(20_000)
    waiting += [log.append(answered(receipt(), long, b"told", seal())) for _ in range(7)]
    waiting.append(log.append(answered(receipt(), long * 9, b"told", seal(limit=1 << 20))))
    go_on.set()
    for future in waiting:
        future.result(30)
    assert batches == [1, 2, 2, 2, 1, 1]
