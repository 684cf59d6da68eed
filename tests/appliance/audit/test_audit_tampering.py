"""A log that was tampered with, cut, replaced or is of another key does not open."""

import pytest

from appliance.audit.errors import AuditTampered
from secure_compute.note import verify_checkpoint
from tests.appliance.audit.conftest import note


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
        "UPDATE extent SET closed = 16384",
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
