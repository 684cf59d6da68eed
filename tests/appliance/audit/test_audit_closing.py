"""Closed segments: compressed and indexed, found as before, proved as before, and lost by nothing."""

import random
import shutil
from dataclasses import replace

import pytest

from appliance.audit.errors import AuditTampered
from appliance.audit.postings import SEGMENT
from appliance.audit.query import Query
from appliance.audit.store import create
from appliance.audit.verify import verify
from appliance.db.errors import DbDiskFull
from secure_compute.merkle import verify_consistency, verify_inclusion
from secure_compute.note import verify_checkpoint
from tests.appliance.audit.conftest import KEY, Clock, note
from tests.appliance.audit.long_log import close_all, fill, plain_search, scribe


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A log of two closed segments and an open rest, and all its entries as they were before."""
    path, clock = tmp_path_factory.mktemp("long") / "audit.db", Clock()
    opened = scribe(path, clock)
    fill(opened, clock, 2 * SEGMENT + 1000)
    reader = opened.reader()
    before = reader.entries(0, reader.size())
    checkpoint = reader.checkpoint()
    reader.close()
    close_all(opened)
    opened.release()
    return path, clock, before, checkpoint


@pytest.fixture(scope="module")
def reader(made):
    path, clock, _, _ = made
    opened = scribe(path, clock)
    found = opened.reader()
    yield found
    found.close()
    opened.release()


@pytest.fixture
def copied(made, tmp_path):
    path = tmp_path / "audit.db"
    for part in made[0].parent.iterdir():
        shutil.copy(part, tmp_path / part.name)
    return path, made[1]


@pytest.mark.slow
def test_closing_changes_nothing_that_is_read(made, reader):
    _, _, before, checkpoint = made
    assert reader._rows.closed.extent().closed == 2 * SEGMENT
    assert reader._rows.leaves(0, 2 * SEGMENT) == []
    assert reader.entries(0, reader.size()) == before
    assert reader.checkpoint() == checkpoint
    chance = random.Random(1)
    for _ in range(20):
        first = chance.randrange(len(before))
        end = min(len(before), first + chance.randrange(600))
        assert reader.entries(first, end) == before[first:end]
    assert reader.entry(SEGMENT) == before[SEGMENT]


@pytest.mark.slow
def test_a_closed_log_takes_a_third_of_the_room(made):
    with made[0].open("rb") as stream:
        assert stream.read(16) != b"SQLite format 3\0"
    connection = create(made[0], KEY, made[1])
    packed = connection.execute("SELECT sum(length(body)) FROM bundles").fetchone()[0]
    connection.close()
    assert packed * 3 < sum(len(entry.leaf) for entry in made[2][: 2 * SEGMENT])


@pytest.mark.slow
def test_every_search_finds_what_a_plain_look_at_every_entry_finds(made, reader):
    everything = made[2]
    chance = random.Random(2)
    tags = (
        "model:completion:answer",
        "model:completion:*",
        "model:*",
        "model:completion:a*",
        "model:c*",
        "m*",
        "access:key:revoke",
        "dataset:*",
        "*",
        "nothing:*",
        "nothing:at:all",
    )
    for _ in range(60):
        some = chance.choice(everything)
        query = Query(
            tag=chance.choice([None, *tags]),
            actor=chance.choice([None, None, "key:0", "key:8", "box", "nobody"]),
            model=chance.choice([None, None, None, "m", "other", "a" * 64, "none"]),
            patient=chance.choice([None] * 6 + ["p-5", "p-2999", "p-none"]),
            request_id=chance.choice([None] * 6 + [some.event.request_id, "req_none"]),
            receipt=chance.choice([None] * 6 + [some.event.details.get("receipt")]),
            since=chance.choice([None, None, some.time]),
            until=chance.choice([None, None, some.time + 3_000_000]),
            before=chance.choice([None, None, chance.randrange(len(everything) + 9)]),
            limit=chance.choice([1, 10, 1000]),
        )
        assert reader.search(query) == plain_search(everything, query), query


@pytest.mark.slow
def test_a_selection_of_a_closed_log_is_every_entry_oldest_first(made, reader):
    for query in (Query(actor="key:3", tag="model:*"), Query(patient="p-7"), Query(model="other")):
        wanted = plain_search(made[2], replace(query, limit=len(made[2])))[::-1]
        assert list(reader.select(query)) == wanted
        assert wanted


@pytest.mark.slow
def test_pages_go_through_the_whole_log_without_gap(made, reader):
    query, seen = Query(tag="access:*", limit=70), []
    while page := reader.search(query):
        seen += page
        query = replace(query, before=page[-1].index)
    assert seen == plain_search(made[2], replace(query, before=None, limit=len(made[2])))


@pytest.mark.slow
def test_a_closed_log_is_proved_as_before(reader):
    head = verify_checkpoint(reader.checkpoint().encode(), reader.note_key)
    assert verify(reader).ok
    for index in (0, 255, 256, SEGMENT - 1, SEGMENT, 2 * SEGMENT - 1, 2 * SEGMENT, head.size - 1):
        proof = reader.inclusion(index, head.size)
        verify_inclusion(reader.leaf_hash(index), index, head.size, proof, head.root)
    for size, _, text in reader.checkpoints():
        old = verify_checkpoint(text.encode(), reader.note_key)
        proof = reader.consistency(size, head.size)
        verify_consistency(size, head.size, proof, old.root, head.root)


def test_a_log_that_is_closed_up_to_its_end_opens_and_goes_on(tmp_path):
    path, clock = tmp_path / "audit.db", Clock()
    opened = scribe(path, clock)
    fill(opened, clock, 16_000)
    opened.commit([note(number) for number in range(SEGMENT - 16_000)])
    close_all(opened)
    opened.release()
    again = scribe(path, clock)
    (leaf,) = again.commit([note(1)])
    reader = again.reader()
    assert leaf.index == SEGMENT
    assert [entry.index for entry in reader.search(Query(limit=2))] == [SEGMENT, SEGMENT - 1]
    assert verify(reader).ok
    reader.close()
    again.release()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 9, 17, 18, 25])
def test_closing_that_is_cut_off_at_any_step_is_taken_up_again(copied, stop):
    path, clock = copied
    opened = scribe(path, clock)
    fill(opened, clock, SEGMENT)
    for _ in range(stop):
        opened.tend()
    # As after kill -9: what was not stored is gone, what was stored stays.
    opened._writer.close()
    opened._writer = None
    opened.release()
    again = scribe(path, clock)
    close_all(again)
    reader = again.reader()
    assert reader._rows.closed.extent().closed == 3 * SEGMENT
    assert len(reader.entries(0, reader.size())) == reader.size()
    assert verify(reader).ok
    reader.close()
    again.release()


@pytest.mark.slow
def test_a_reader_never_sees_a_hole_while_segments_close(copied):
    path, clock = copied
    opened = scribe(path, clock)
    fill(opened, clock, SEGMENT)
    reader = opened.reader()
    size, more = reader.size(), True
    while more:
        more = opened.tend()
        assert len(reader.leaves(2 * SEGMENT - 5, size)) == size - 2 * SEGMENT + 5
        assert len(reader.search(Query(actor="key:4", limit=1000))) == 1000
    reader.close()
    opened.release()


@pytest.mark.slow
def test_a_disk_that_is_full_while_a_segment_closes_loses_nothing(copied, monkeypatch):
    path, clock = copied
    opened = scribe(path, clock)
    fill(opened, clock, SEGMENT)

    def refuse(*_):
        raise DbDiskFull(path=path)

    with monkeypatch.context() as patch:
        patch.setattr("appliance.audit.closed_store.ClosedWriter.store", refuse)
        close_all(opened)
    reader = opened.reader()
    assert verify(reader).ok
    close_all(opened)
    assert reader._rows.closed.extent().closed == 3 * SEGMENT
    assert verify(reader).ok
    reader.close()
    opened.release()


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bundles SET body = (SELECT body FROM bundles WHERE id = 6) WHERE id = 5",
        "UPDATE bundles SET body = x'00' WHERE id = 5",
        "UPDATE bundles SET body = substr(body, 1, length(body) - 1) WHERE id = 5",
        "DELETE FROM bundles WHERE id = 5",
        "UPDATE tiles SET hashes = zeroblob(8192) WHERE id = 2",
        "UPDATE extent SET first = 1024",
    ],
)
def test_a_closed_log_that_was_tampered_with_is_found_out(copied, statement):
    path, clock = copied
    connection = create(path, KEY, clock)
    connection.execute(statement)
    connection.close()
    opened = scribe(path, clock)
    reader = opened.reader()
    report = verify(reader)
    assert not report.ok
    assert "does not verify" in report.sentence
    reader.close()
    opened.release()


@pytest.mark.slow
def test_a_damaged_bundle_is_told_as_a_sentence(copied):
    path, clock = copied
    connection = create(path, KEY, clock)
    connection.execute("UPDATE bundles SET body = zeroblob(100) WHERE id = 0")
    connection.close()
    opened = scribe(path, clock)
    reader = opened.reader()
    with pytest.raises(AuditTampered, match="bundle from entry 0"):
        reader.entry(3)
    reader.close()
    opened.release()
