"""Reading on the record, forgetting for good, ending by age: the log is valid before and after."""

import shutil
from contextlib import closing
from datetime import UTC, datetime

import pytest

from appliance.audit.verify import verify
from appliance.bodies.errors import BodyDamaged, BodyForgotten, BodyNotKept
from appliance.bodies.keeper import BodyKeeper
from appliance.bodies.sealing import number_of, unseal_body
from appliance.bodies.store import BodyStore
from appliance.errors import AuditEntryUnknown, AuditUnavailable
from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.subjects import PATIENT, PERIOD
from secure_compute.errors import SealBroken
from tests.appliance.bodies.bodily import SALT
from tests.appliance.disclosure.conftest import DAY_S


def count(room):
    with closing(BodyStore.open(room.layout.bodies_db, room.place.key)) as store:
        return store.count()


def test_a_body_is_read_by_receipt_or_index_and_each_reading_is_recorded_first(room):
    name = room.answer(1, "P0042", answer="右眼白内障".encode())
    found = room.disclosure.read("user:wang", "req_7", name)
    again = room.disclosure.read("user:li", None, found.entry.index)
    assert found.body == again.body
    assert found.body.texts["answer"].decode() == "右眼白内障"
    assert found.body.salt == SALT
    first, second = room.events("audit:body:read")
    assert (first.actor, first.subject, first.request_id) == ("user:wang", name, "req_7")
    assert first.details == {
        "found": "kept",
        "index": found.entry.index,
        "patient": room.subjects.name(PATIENT, "P0042"),
    }
    assert second.actor == "user:li"
    assert "P0042" not in str(room.events("*"))


def test_what_cannot_be_recorded_is_not_read(room):
    name = room.answer(1)
    entry = room.disclosure.read("a", None, name).entry
    assert entry.index == 1
    room.log.close()
    room.disclosure._log = type(
        "Closed", (), {"reader": _Entries(entry), "append": room.log.append}
    )()
    with pytest.raises(AuditUnavailable):
        room.disclosure.read("a", None, 1)


class _Entries:
    def __init__(self, entry):
        self._entry = entry

    def entry(self, _index):
        return self._entry


def test_what_is_not_there_is_told_apart_and_recorded(room):
    with pytest.raises(AuditEntryUnknown):
        room.disclosure.read("a", None, "rcp_" + "0" * 30)
    with pytest.raises(AuditEntryUnknown):
        room.disclosure.read("a", None, "\x1b[2J")
    with pytest.raises(AuditEntryUnknown):
        room.disclosure.read("a", None, 10**6)
    with pytest.raises(BodyNotKept, match="none was to be kept"):
        room.disclosure.read("a", None, 0)
    room.short = True
    name = room.answer(1)
    with pytest.raises(BodyNotKept, match="short of space"):
        room.disclosure.read("a", None, name)
    assert [event.details["found"] for event in room.events("audit:body:read")] == [
        "none",
        "low-space",
    ]


def test_a_forgotten_patient_is_unreadable_even_with_the_old_files_and_the_present_keys(room):
    mine = [room.answer(number, "P0042") for number in range(3)]
    other = room.answer(9, "P0043")
    before = room.disclosure.read("a", None, mine[0]).entry
    root = room.log.reader.checkpoint()
    old = room.layout.root / "old"
    old.mkdir()
    for path in room.layout.vault.glob("bodies.db*"):
        shutil.copy(path, old / path.name)
    with closing(BodyStore.open(old / "bodies.db", room.place.key)) as store:
        lying = store.get(number_of(mine[0]))
    keys = room.disclosure.destroy(PATIENT, "P0042")
    room.disclosure.forgotten("user:wang", keys[0].partition(":")[2], b"certificate")
    with pytest.raises(BodyForgotten, match="2026-03-01"):
        room.disclosure.read("a", None, mine[0])
    assert room.disclosure.read("a", None, other).body.texts["answer"] == b"told"
    assert room.disclosure.standing(before.event.details) == "forgotten"
    assert count(room) == 1
    # Whoever kept the old database finds nothing among the present keys that opens it.
    for kept in room.opened.book.keys:
        with room.opened.secret(kept.wrapped.use, kept.wrapped.version) as key:
            if len(key) == 32:
                with pytest.raises(SealBroken):
                    unseal_body(lying, key)
    with pytest.raises(SubjectErased):
        room.subjects.named(PATIENT, before.event.details["patient"])
    assert verify(room.log.reader).ok
    assert room.log.reader.entry(before.index).leaf == before.leaf
    assert room.log.reader.checkpoint() != root
    (event,) = room.events("audit:patient:forget")
    assert event.details["bodies"] == 3
    assert event.details["patient"] == before.event.details["patient"]
    with pytest.raises(SubjectErased):
        room.disclosure.erasable(PATIENT, "P0042")
    with pytest.raises(SubjectUnknown):
        room.disclosure.erasable(PATIENT, "P9999")


def test_bodies_end_with_their_days_and_the_log_stays(room):
    old = [room.answer(1), room.answer(2, "P1")]
    room.clock.move(29 * DAY_S)
    new = room.answer(3, "P1")
    assert room.upkeep.expire() == 0
    room.clock.move(2 * DAY_S)
    assert room.upkeep.expire() == 2
    for name in old:
        with pytest.raises(BodyNotKept, match="days are over"):
            room.disclosure.read("a", None, name)
    assert room.disclosure.read("a", None, new).body.texts["answer"] == b"told"
    (event,) = room.events("box:bodies:expire")
    assert event.details == {"bodies": 2, "days": 1}
    assert room.subjects.count(PERIOD) == 1
    assert verify(room.log.reader).ok


def test_a_box_that_was_off_for_months_ends_what_is_over(room):
    for number in range(4):
        room.answer(number)
        room.clock.move(DAY_S)
    room.clock.move(200 * DAY_S)
    assert room.upkeep.expire() == 4
    assert room.subjects.count(PERIOD) == 0
    assert room.events("box:bodies:expire")[0].details["days"] == 4


def test_days_of_a_clock_that_stood_elsewhere_end_too(room):
    right = room.clock.now
    room.clock.now = datetime(1970, 1, 1, 8, tzinfo=UTC)
    room.answer(1)
    room.clock.now = datetime(2024, 5, 1, tzinfo=UTC)
    room.answer(2)
    room.clock.now = right
    kept = room.answer(3)
    assert room.upkeep.expire() == 2
    assert room.subjects.count(PERIOD) == 1
    assert room.disclosure.read("a", None, kept).body.texts["answer"] == b"told"


def test_a_clock_that_is_years_ahead_for_a_night_does_not_take_everything(room, monkeypatch):
    monkeypatch.setattr("appliance.disclosure.upkeep._AT_ONCE", 2)
    names = []
    for number in range(5):
        names.append(room.answer(number, "P1"))
        room.clock.move(DAY_S)
    room.clock.move(9000 * DAY_S)
    assert room.upkeep.expire() == 2
    room.clock.move(-9000 * DAY_S)
    assert room.upkeep.expire() == 0
    for name in names[2:]:
        assert room.disclosure.read("a", None, name).body.texts["answer"] == b"told"
    assert room.subjects.count(PERIOD) == 3


def test_the_keys_of_today_and_tomorrow_are_at_hand(room):
    room.upkeep.prepare()
    assert room.keys.ready(room.receipt(1), None).key
    room.clock.move(DAY_S)
    assert room.keys.ready(room.receipt(1), None).key


def moves(room):
    return [event.tag.rpartition(":")[2] for event in room.events("box:bodies:*")]


def test_low_space_is_on_record_from_when_to_when(room):
    for short in (False, True, True, False, False):
        room.short = short
        room.upkeep.look()
        assert room.upkeep.stopped == short
    assert moves(room) == ["stop", "resume"]


def test_a_fault_of_the_keeper_is_seen_until_it_is_over(room):
    room.upkeep.look()
    room.layout.bodies_db.mkdir()
    room.answer(1)
    room.upkeep.look()
    assert room.upkeep.stopped
    room.layout.bodies_db.rmdir()
    room.log._scribe._bodies._keeper._again = 0.0
    room.answer(2)
    room.upkeep.look()
    assert not room.upkeep.stopped
    assert moves(room) == ["stop", "resume"]


def test_what_stopped_the_last_time_is_not_told_of_this_time(room):
    room.short = True
    room.upkeep.look()
    room.short = False
    room.use(room.keys.rules)
    room.upkeep.look()
    assert not room.upkeep.stopped
    assert moves(room) == ["stop", "resume"]


def test_a_body_that_was_exchanged_is_not_passed_off_as_another(room):
    name, other = room.answer(1), room.answer(2, answer=b"else")
    keeper = BodyKeeper(room.place, room.clock, lambda: 0.0)
    store = keeper._opened()
    foreign = store.get(number_of(other))
    store._connection.execute(
        "UPDATE bodies SET sealed = ?, wrapped = ? WHERE receipt = ?",
        (foreign.sealed, foreign.wrapped, number_of(name)),
    )
    with pytest.raises(BodyDamaged):
        room.disclosure.read("a", None, name)
    keeper.close()
    (event,) = room.events("audit:body:read")
    assert event.details["found"] == "damaged"
