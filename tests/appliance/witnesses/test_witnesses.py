"""The box's second key and its witnesses: who cosigned what, and when that is too long ago."""

import pytest

from appliance.witnesses.errors import (
    NothingToOffer,
    WitnessExists,
    WitnessKeyRefused,
    WitnessUnknown,
)
from secure_compute.note import Checkpoint, Note, NoteKey, verify_note
from tests.appliance.witnesses.conftest import STALE_S


def test_the_newest_checkpoint_is_cosigned_once(place):
    size = place.work()
    head = place.service.cosign()
    assert head.size >= size
    (line,) = place.service.cosignatures(head.size)
    key = NoteKey.parse(place.service.keys()[0].vkey)
    note = Note.parse(head.note.encode() + line)
    assert {one.name for one in verify_note(note, [key, place.log.note_key])} == {
        "wardbox/test",
        "wardbox/test/cosigner",
    }
    second = place.service.status().second
    assert (second.kind, second.size, second.trouble) == ("software", head.size, None)
    # Making the key went on record: that is one more entry, and after it nothing changes any more.
    again = place.service.cosign()
    assert place.service.cosign().size == again.size
    assert place.service.cosignatures(size + 1000) == []


def test_an_export_gets_every_cosigned_checkpoint_in_order(place):
    for _ in range(3):
        place.work()
        place.service.cosign()
    notes = list(place.service.cosigned(place.log.reader.size()))
    assert [size for size, _ in notes] == sorted({size for size, _ in notes})
    for size, data in notes:
        note = Note.parse(data)
        assert Checkpoint.parse(note.text).size == size
        assert len(verify_note(note, [place.log.note_key])) == 1
        assert len(note.signatures) == 2
    assert [size for size, _ in place.service.cosigned(notes[0][0])] == [notes[0][0]]
    latest = place.service.latest(1 << 62, 2)
    assert [one.size for one in latest] == [size for size, _ in notes[:-3:-1]]
    assert latest[0].note.encode() == notes[-1][1]
    assert latest[0].by[0][0] == place.service.keys()[0].vkey


def test_another_second_key_takes_the_place_of_the_first(place):
    place.work()
    first = place.service.cosign()
    place.service.renew("user:it")
    old, new = place.service.keys()
    assert old.vkey != new.vkey
    assert place.service.status().second.vkey == new.vkey
    assert len(place.service.cosignatures(first.size)) == 1
    tags = [one.event.tag for one in place.log.reader.entries(0, place.log.reader.size())]
    assert tags.count("audit:second-key:make") == 2


def test_old_cosignatures_of_the_box_are_thinned_and_those_of_witnesses_stay(place, other, stick):
    other.meet(place)
    for _ in range(4):
        place.work()
        place.offer(stick)
        assert other.run("cosign", stick)[0] == 0
        assert all(one.ok for one in place.take(stick))
        place.clock.move(600)
    before = list(place.service.cosigned(1 << 62))
    place.clock.move(8 * 86_400)
    place.work()
    place.service.cosign()
    assert place.service.thin() >= 3
    after = dict(place.service.cosigned(1 << 62))
    assert {size for size, _ in before} == set(after) - {max(after)}
    assert sum(data.count("— wardbox/test/cosigner ".encode()) for data in after.values()) == 2
    assert sum(data.count("— host-b/witness ".encode()) for data in after.values()) == 4


def test_a_witness_is_registered_by_its_key_and_forgotten_by_its_name(place, other):
    assert other.run("init", "--name", "host-b/witness")[0] == 0
    vkey = other.vkey()
    place.service.add("host-b", vkey, "user:it")
    for name, key in (("host-b", place.vkey), ("else", vkey), ("host-b", vkey)):
        with pytest.raises((WitnessExists, WitnessKeyRefused)):
            place.service.add(name, key, "user:it")
    own = NoteKey("me", place.log.note_key.key, 4).vkey
    for bad in ("", "x", place.vkey, own, vkey[:-4], vkey.replace("host-b", "host-c")):
        with pytest.raises(WitnessKeyRefused):
            place.service.add("x", bad, "user:it")
    place.service.remove("host-b", "user:it")
    with pytest.raises(WitnessUnknown):
        place.service.remove("host-b", "user:it")
    with pytest.raises(NothingToOffer):
        place.service.offers()


def test_a_witness_that_is_silent_for_too_long_is_stale(place, other, stick):
    other.meet(place)
    other.time = place.now()
    (one,) = place.service.status().witnesses
    assert (one.size, one.stale) == (None, False)
    place.clock.move(STALE_S + 1)
    assert place.service.status().witnesses[0].stale
    other.time = place.now()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    (taken,) = place.take(stick)
    assert taken.witnesses == ("host-b",)
    (one,) = place.service.status().witnesses
    assert (one.size, one.stale, one.age_s) == (taken.size, False, 0.0)
    place.clock.move(STALE_S + 1)
    assert place.service.status().witnesses[0].stale


def test_a_witness_whose_clock_runs_ahead_is_none_the_fresher(place, other, stick):
    other.meet(place)
    other.time = place.now() + 100 * 365 * 86_400
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    assert all(one.ok for one in place.take(stick))
    assert not place.service.status().witnesses[0].stale
    place.clock.move(STALE_S + 1)
    assert place.service.status().witnesses[0].stale
