"""What a request's body is sealed with: whose are kept, who is who, and what cannot be a patient."""

import pytest

from appliance.bodies.errors import PatientInvalid
from appliance.bodies.shape import KEPT, NOTHING, Forgotten, NotKept
from appliance.db.errors import DbDiskFull
from appliance.vault.body_keys import BodyRules
from appliance.vault.subjects import PATIENT, PERIOD
from secure_compute.secret import Secret
from tests.appliance.disclosure.conftest import DAY_S


def test_the_keys_of_a_day_and_of_a_patient_are_found_again(room):
    name, later = room.receipt(1), room.receipt(2)
    assert room.keys.ready(name, None) is None
    plain = room.keys.seal(name, None)
    assert room.keys.ready(later, None) == plain
    named = room.keys.seal(name, "P0042")
    assert (plain.state, plain.patient, named.state) == (KEPT, None, KEPT)
    assert named.patient == room.subjects.name(PATIENT, "P0042")
    assert len({plain.key, named.key, room.keys.seal(name, "P0043").key}) == 3
    with room.keys.opening(later, named.patient) as key:
        assert key.reveal() == named.key
    with room.keys.opening(later, None) as key:
        assert key.reveal() == plain.key
    room.clock.move(DAY_S)
    assert room.keys.ready(room.receipt(3), "P0042") is None
    assert room.keys.seal(room.receipt(3), "P0042").key != named.key
    assert room.keys.seal(room.receipt(3), "P0042").patient == named.patient


@pytest.mark.parametrize(
    ("whose", "patient", "state"),
    [
        ("none", None, "none"),
        ("none", "P1", "none"),
        ("patients", None, "none"),
        ("patients", "P1", KEPT),
    ],
)
def test_whose_bodies_are_kept_is_a_setting(room, whose, patient, state):
    room.use(BodyRules(whose))
    seal = room.keys.seal(room.receipt(1), patient)
    assert seal.state == state
    assert bool(seal.key) == (state == KEPT)
    # Whom a request is about stands in the record all the same.
    assert (seal.patient is None) == (patient is None)
    assert room.subjects.count(PATIENT) == (state == KEPT)


IMPOSSIBLE = (
    "", " P1", "P1 ", "P1\n", "a\x00b", "\x1b[2J", "x" * 129, "右\u202e眼", "\ud800", "\u200b", " ",
)  # fmt: skip
POSSIBLE = ("P0042", "张三", "340102197001011234", "'; DROP TABLE--", "x" * 128)


def test_what_cannot_be_a_patient_is_refused(room):
    for patient in IMPOSSIBLE:
        with pytest.raises(PatientInvalid):
            room.keys.seal(room.receipt(1), patient)
    assert room.subjects.count(PATIENT) == 0


def test_what_a_hospital_calls_a_patient_is_taken_as_it_is_and_stands_nowhere(room):
    for number, patient in enumerate(POSSIBLE):
        seal = room.keys.seal(room.receipt(1), patient)
        assert seal.state == KEPT
        assert seal.patient != patient
        room.answer(number, patient)
    assert room.subjects.count(PATIENT) == len(POSSIBLE)
    for path in room.layout.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [one for one in POSSIBLE if len(one) > 4 and one.encode() in content]


def test_while_the_disk_is_short_nothing_is_sealed_and_it_is_said(room):
    name = room.receipt(1)
    kept = room.keys.seal(name, "P1")
    room.short = True
    seal = room.keys.ready(name, "P1")
    assert (seal.state, seal.key, seal.patient) == ("low-space", b"", kept.patient)
    room.short = False
    assert room.keys.ready(name, "P1") == kept


def test_a_key_that_cannot_be_made_holds_no_answer_up_and_is_tried_again(room, monkeypatch):
    def refuse(*_):
        raise DbDiskFull(path="box.db")

    with monkeypatch.context() as patch:
        patch.setattr(room.subjects._store, "add", refuse)
        assert room.keys.seal(room.receipt(1), "P1").state == "failed"
        assert room.keys.ready(room.receipt(1), "P1") is None
    assert room.keys.seal(room.receipt(1), "P1").state == KEPT


def test_of_a_forgotten_patient_nothing_is_kept_any_more(room):
    name = room.receipt(1)
    seal = room.keys.seal(name, "P1")
    room.disclosure.destroy(PATIENT, "P1")
    after = room.keys.seal(room.receipt(2), "P1")
    assert (after.state, after.key, after.patient) == ("forgotten", b"", seal.patient)
    assert room.keys.opening(name, seal.patient) == Forgotten(seal.patient, int(room.time()))
    assert room.keys.seal(name, "P2").state == KEPT


def test_of_a_day_that_is_over_nothing_opens(room):
    name = room.receipt(1)
    seal = room.keys.seal(name, "P1")
    room.subjects.erase(PERIOD, str(int(room.time()) // DAY_S))
    room.keys.forget()
    assert room.keys.opening(name, seal.patient) == NotKept("expired")
    assert room.keys.seal(room.receipt(2), None) == NOTHING
    assert room.keys.seal(room.receipt(2), "P1").state == "none"
    room.disclosure.destroy(PATIENT, "P1")
    assert room.keys.opening(name, seal.patient) == Forgotten(seal.patient, int(room.time()))


def test_what_is_remembered_is_bounded_and_overwritten_at_the_end(room, monkeypatch):
    monkeypatch.setattr("appliance.vault.body_keys._ROOM", 4)
    seals = [room.keys.seal(room.receipt(1), f"P{number}") for number in range(6)]
    assert len(room.keys._known) <= 4
    last = seals[-1].key
    assert any(last)
    room.keys.wipe()
    assert not any(last)
    assert room.keys._known == {}


def test_a_pseudonym_of_nobody_opens_nothing(room):
    room.keys.seal(room.receipt(1), None)
    assert room.keys.opening(room.receipt(1), "00" * 16) == NotKept("missing")
    assert not isinstance(room.keys.opening(room.receipt(1), "00" * 16), Secret)
