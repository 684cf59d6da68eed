"""Searching, proving, verifying, following receipts."""

import random

import pytest

from appliance.audit import events
from appliance.audit.identifiers import is_identifier, microseconds, receipt_id, request_id
from appliance.audit.reading import Query
from appliance.audit.receipts import resolve
from appliance.audit.store import create
from appliance.audit.verify import verify
from appliance.errors import AuditEntryUnknown
from secure_compute.errors import ProofInvalid
from secure_compute.merkle import verify_consistency, verify_inclusion
from secure_compute.note import verify_checkpoint
from tests.appliance.audit.conftest import KEY, note
from tests.fakes.answered import completion


@pytest.fixture
def filled(box):
    log = box.open()
    chance = random.Random(5)
    for number in range(600):
        actor = f"key:{chance.randrange(4)}"
        event = chance.choice(
            [
                note(number, actor),
                events.completion_fail(actor, f"req_{number}", route="/v1", model="m", code="x"),
                events.key_revoke(actor, None, key_id="k"),
            ]
        )
        last = log.append(event)
        if number % 20 == 19:
            last.result(10)
            box.clock.move(1)
    return log


def meets(entry, query):
    wanted = query.tag
    return (
        (
            wanted is None
            or entry.event.tag == wanted
            or (wanted.endswith("*") and entry.event.tag.startswith(wanted[:-1]))
        )
        and query.actor in {None, entry.event.actor}
        and query.request_id in {None, entry.event.request_id}
        and (query.since is None or entry.time >= query.since)
        and (query.until is None or entry.time <= query.until)
        and (query.before is None or entry.index < query.before)
    )


def test_a_search_finds_what_a_plain_scan_finds(filled, box):
    reader = filled.reader
    everything = reader.entries(0, reader.size())
    start = everything[0].time
    chance = random.Random(6)
    tags = [None, "model:completion:accept", "model:*", "access:*", "nothing:at:all", "*"]
    for _ in range(120):
        query = Query(
            tag=chance.choice(tags),
            actor=chance.choice([None, "key:0", "key:3", "box", "nobody"]),
            since=chance.choice([None, start + chance.randrange(35) * 1_000_000]),
            until=chance.choice([None, start + chance.randrange(35) * 1_000_000]),
            request_id=chance.choice([None, None, None, f"req_{chance.randrange(600)}"]),
            before=chance.choice([None, chance.randrange(-5, 700)]),
            limit=chance.choice([1, 10, 1000]),
        )
        wanted = [entry for entry in reversed(everything) if meets(entry, query)][: query.limit]
        assert reader.search(query) == wanted, query


def test_pages_join_without_gap(filled):
    reader, before, seen = filled.reader, None, []
    while page := reader.search(Query(limit=70, before=before)):
        seen += page
        before = page[-1].index
    assert [entry.index for entry in seen] == list(reversed(range(reader.size())))


def test_every_entry_has_a_proof_in_every_tree(filled):
    reader = filled.reader
    head = verify_checkpoint(reader.checkpoint().encode(), filled.note_key)
    for index in (0, 1, 254, 255, 256, 257, 511, 512, head.size - 1):
        proof = reader.inclusion(index, head.size)
        verify_inclusion(reader.leaf_hash(index), index, head.size, proof, head.root)
        with pytest.raises(ProofInvalid):
            verify_inclusion(reader.leaf_hash(index), index ^ 1, head.size, proof, head.root)
    for size, _, note_text in reader.checkpoints():
        old = verify_checkpoint(note_text.encode(), filled.note_key)
        proof = reader.consistency(size, head.size)
        verify_consistency(size, head.size, proof, old.root, head.root)


@pytest.mark.parametrize("index", [-1, 10_000, 1 << 70])
def test_an_entry_that_is_not_there(filled, index):
    with pytest.raises(AuditEntryUnknown):
        filled.reader.entry(index)
    with pytest.raises(AuditEntryUnknown):
        filled.reader.inclusion(index, 100)
    with pytest.raises(AuditEntryUnknown):
        filled.reader.inclusion(0, index)
    with pytest.raises(AuditEntryUnknown):
        filled.reader.consistency(index, 100)


def test_a_receipt_leads_to_the_weights_with_a_proof(box):
    log = box.open()
    receipt = receipt_id(box.clock)
    leaf = log.append(events.completion_answer("key:a", "req_1", completion(receipt))).result(10)
    log.append(note(2)).result(10)
    found = resolve(log.reader, receipt)
    assert (found.index, found.hash, found.model_digest) == (leaf.index, leaf.hash, "a" * 64)
    head = verify_checkpoint(found.checkpoint.encode(), log.note_key)
    verify_inclusion(found.hash, found.index, head.size, found.proof, head.root)


@pytest.mark.parametrize("text", ["", "rcp_", "rcp_' OR 1=1 --", "\x00" * 10, "x" * 100_000, "病"])
def test_a_receipt_that_is_none(log, text):
    with pytest.raises(AuditEntryUnknown):
        resolve(log.reader, text)


def test_identifiers_are_ordered_and_unique(box):
    ids = []
    for _ in range(200):
        ids.append(request_id(box.clock))
        box.clock.move(0.001)
    assert ids == sorted(ids)
    assert all(is_identifier(text) for text in ids)
    assert len({receipt_id(box.clock) for _ in range(1000)}) == 1000
    assert microseconds(box.clock()) == round(box.clock().timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        (
            "UPDATE entries SET leaf = CAST(replace(leaf, 'key:', 'kez:') AS BLOB) WHERE idx = 40",
            40,
        ),
        ("UPDATE entries SET actor = 'key:someone' WHERE idx = 41", 41),
        ("UPDATE entries SET tag = 'x:y:z' WHERE idx = 42", 42),
        ("UPDATE entries SET time = time + 1 WHERE idx = 43", 43),
        ("UPDATE entries SET request = 'req_evil' WHERE idx = 44", 44),
        ("UPDATE entries SET leaf = x'00' WHERE idx = 45", 45),
        (
            "UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE idx = 47) WHERE idx = 46",
            46,
        ),
        ("DELETE FROM entries WHERE idx = 48", 0),
        ("UPDATE tiles SET hashes = zeroblob(8192) WHERE id = 0", 0),
        ("UPDATE extent SET first = 256", 0),
    ],
)
def test_verifying_names_the_first_bad_entry(filled, box, statement, first_bad):
    filled.close()
    connection = create(box.path, KEY, box.clock)
    connection.execute(statement)
    connection.close()
    log = box.open()
    report = verify(log.reader)
    assert not report.ok
    assert report.first_bad == first_bad
    assert "does not verify" in report.sentence


def test_a_changed_detail_is_found_by_its_tile(filled, box):
    filled.close()
    connection = create(box.path, KEY, box.clock)
    connection.execute(
        'UPDATE entries SET leaf = CAST(replace(leaf, \'"details":{\', \'"details":{"a":1,\') AS BLOB)'
        " WHERE idx = 300"
    )
    connection.close()
    report = verify(box.open().reader)
    assert (report.ok, report.first_bad) == (False, 256)


def test_a_forged_checkpoint_in_the_history_is_found(filled, box):
    filled.close()
    connection = create(box.path, KEY, box.clock)
    connection.execute(
        "UPDATE checkpoints SET size = 5 WHERE size = (SELECT max(size) FROM checkpoints)"
    )
    connection.close()
    assert not verify(box.open().reader).ok


def test_verifying_while_the_log_grows(filled):
    size = filled.reader.size()
    futures = [filled.append(note(number)) for number in range(200)]
    report = verify(filled.reader)
    assert report.ok
    assert report.entries >= size
    futures[-1].result(10)


def test_a_selection_is_every_entry_that_meets_the_query_oldest_first(filled):
    reader = filled.reader
    everything = reader.entries(0, reader.size())
    for query in (
        Query(),
        Query(actor="key:1"),
        Query(tag="model:*", actor="key:2"),
        Query(tag="access:key:revoke", since=everything[200].time, until=everything[400].time),
        Query(request_id="req_77"),
        Query(model="m", actor="key:0", limit=1),
        Query(patient="nobody"),
    ):
        wanted = [
            entry
            for entry in everything
            if meets(entry, query)
            and (query.model is None or entry.event.details.get("model") == query.model)
            and query.patient is None
        ]
        assert list(reader.select(query)) == wanted, query
        part = [entry for entry in wanted if 100 <= entry.index < 300]
        assert list(reader.select(query, 100, 300)) == part


def test_an_entry_is_found_by_the_patient_and_the_model_that_it_names(log):
    note_of = {"tag": "x:y:z", "actor": 'key:"a"'}
    for details in ({"patient": "p-1", "model": "m"}, {"patient": "p-2"}, {"model_digest": "p-1"}):
        log.append(events.Event(**note_of, details=details)).result(10)
    log.append(events.model_shelf("verify", "box", model="m", digest="d")).result(10)
    reader = log.reader

    def found(**wanted):
        assert reader.search(Query(**wanted)) == list(reader.select(Query(**wanted)))[::-1]
        return [entry.index for entry in reader.select(Query(**wanted))]

    assert found(patient="p-1") == [1]
    assert found(model="m") == [1, 4]
    assert found(model="p-1") == [3]
    assert found(patient="p-2", actor='key:"a"', tag="x:*") == [2]
    assert found(patient="p-2", model="m") == []
