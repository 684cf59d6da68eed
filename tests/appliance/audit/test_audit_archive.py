"""Archives: entries leave only after they were read back elsewhere, and the tree stays what it was."""

import shutil
from datetime import timedelta

import pytest

from appliance.audit.archive import Archivist
from appliance.audit.errors import (
    ArchiveRefused,
    ArchiveUnsound,
    AuditEntryArchived,
    AuditExportRefused,
)
from appliance.audit.export import export
from appliance.audit.export_order import Materials, Selection
from appliance.audit.log import AuditLog
from appliance.audit.postings import SEGMENT
from appliance.audit.query import Query
from appliance.audit.receipts import resolve
from appliance.audit.rendering.meaning import Source
from appliance.audit.retention import held_elsewhere
from appliance.audit.store import create
from appliance.audit.verify import verify
from appliance.errors import AuditEntryUnknown
from secure_compute.merkle import leaf_hash, verify_consistency, verify_inclusion
from secure_compute.note import verify_checkpoint
from secure_compute.verifier.judge import main
from tests.appliance.audit.conftest import KEY, Clock, note
from tests.appliance.audit.long_log import IDENTITY, close_all, fill, scribe

pytestmark = pytest.mark.slow
DAY = 86_400


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A log of one closed segment of long ago, half a segment of now, and the old checkpoint."""
    path, clock = tmp_path_factory.mktemp("old") / "audit.db", Clock()
    opened = scribe(path, clock)
    fill(opened, clock, 17_000)
    reader = opened.reader()
    before, checkpoint = reader.entries(0, 17_000), reader.checkpoint()
    reader.close()
    close_all(opened)
    clock.move(3000 * DAY)
    opened.commit([note(1)])
    opened.release()
    return path, clock, before, checkpoint


@pytest.fixture(params=["here", "apart"])
def log(request, made, tmp_path):
    path, clock, _, _ = made
    for part in path.parent.iterdir():
        shutil.copy(part, tmp_path / part.name)
    place = tmp_path / path.name
    if request.param == "apart":
        opened = AuditLog.open_apart(place, KEY, IDENTITY)
    else:
        opened = AuditLog.open(place, KEY, IDENTITY, clock=clock, window_ms=0)
    yield opened
    opened.close()


@pytest.fixture
def clock(made):
    later = Clock()
    later.now = made[1].now + timedelta(days=1)
    return later


@pytest.fixture
def archivist(log, clock):
    materials = Materials(log.reader, Source("wardbox/test", "box", "1"), log.seal, clock)

    def write(out, first, last):
        export(materials, out, Selection(first, last, formats=()))

    return Archivist(log, write, clock)


def test_archived_entries_leave_and_everything_else_stays(archivist, log, made, tmp_path, capsys):
    _, _, before, checkpoint = made
    out = tmp_path / "stick" / "2026"
    row = archivist.archive("user:ann", out, 2190)
    reader = log.reader
    assert (row.first, row.end) == (0, SEGMENT)
    assert reader.first() == SEGMENT
    assert [one.event.tag for one in reader.search(Query(tag="audit:archive:*"))] == [
        "audit:archive:prune",
        "audit:archive:make",
    ]
    # The archive verifies by itself, on any machine.
    assert main([str(out), "--remember", str(tmp_path / "memory.json")]) == 0
    capsys.readouterr()
    lines = (out / "entries.ndjson").read_bytes().splitlines()
    assert lines == [entry.leaf for entry in before[:SEGMENT]]
    # Old entries are named as archived, and proved all the same.
    with pytest.raises(AuditEntryArchived, match="2026"):
        reader.entry(5)
    head = verify_checkpoint(reader.checkpoint().encode(), reader.note_key)
    for index in (0, 5, SEGMENT - 1):
        proof = reader.inclusion(index, head.size)
        verify_inclusion(leaf_hash(before[index].leaf), index, head.size, proof, head.root)
    old = verify_checkpoint(checkpoint.encode(), reader.note_key)
    proof = reader.consistency(old.size, head.size)
    verify_consistency(old.size, head.size, proof, old.root, head.root)
    assert verify(reader).ok
    assert reader.entries(SEGMENT, 17_000) == before[SEGMENT:]


def test_a_search_says_which_archive_holds_what_it_may_mean(archivist, log, made, tmp_path):
    before = made[2]
    reader = log.reader
    assert held_elsewhere(reader, Query()) is None
    archivist.archive("user:ann", tmp_path / "stick", 2190)
    assert "stick" in held_elsewhere(reader, Query())
    assert "2026-03-01" in held_elsewhere(reader, Query(until=before[10].time))
    assert held_elsewhere(reader, Query(since=before[-1].time + 1)) is None
    found = reader.search(Query(actor="key:3", limit=1000))
    assert found
    assert min(entry.index for entry in found) >= SEGMENT
    assert not reader.search(Query(request_id=before[7].event.request_id))
    answered = next(entry for entry in before if "receipt" in entry.event.details)
    with pytest.raises(AuditEntryUnknown, match="stick"):
        resolve(reader, answered.event.details["receipt"])


def test_an_archived_log_goes_on_and_frees_its_room(archivist, log, made, tmp_path):
    archivist.archive("user:ann", tmp_path / "stick", 2190)
    log.append(note(3)).result(10)
    log.close()
    path = log._scribe._path
    opened = scribe(path, made[1])
    close_all(opened)
    fill(opened, made[1], 16_000)
    close_all(opened)
    reader = opened.reader()
    assert verify(reader).ok
    assert reader.search(Query(tag="access:key:revoke", limit=3))
    reader.close()
    opened.release()
    connection = create(path, KEY, made[1])
    assert connection.execute("SELECT min(id) FROM bundles").fetchone()[0] == SEGMENT // 64
    assert connection.execute("SELECT min(segment) FROM postings").fetchone()[0] == 1
    connection.close()


@pytest.mark.parametrize(
    "harm",
    [
        lambda out: (out / "checkpoint").write_bytes(b"x"),
        lambda out: (out / "entries.ndjson").unlink(),
        lambda out: (out / "entries.ndjson").write_bytes(b"{}\n" * SEGMENT),
        lambda out: (out / "SHA256SUMS").unlink(),
    ],
)
def test_what_a_medium_does_not_give_back_does_not_leave(archivist, log, tmp_path, harm):
    out, whole = tmp_path / "stick", archivist.export

    def worn(place, first, last):
        whole(place, first, last)
        harm(place)

    with pytest.raises(ArchiveUnsound):
        Archivist(log, worn, archivist.clock).archive("user:ann", out, 2190)
    assert log.reader.first() == 0
    assert not log.reader.search(Query(tag="audit:archive:*"))
    assert verify(log.reader).ok


def test_entries_that_another_list_vouches_for_are_held_against_the_tree(archivist, log, tmp_path):
    out, whole = tmp_path / "stick", archivist.export

    def other(place, first, last):
        whole(place, first + 256, last)

    with pytest.raises(ArchiveUnsound):
        Archivist(log, other, archivist.clock).archive("user:ann", out, 2190)
    assert log.reader.first() == 0


def test_nothing_young_is_archived(archivist, log, tmp_path):
    for days in (0, 182):
        with pytest.raises(ArchiveRefused, match="fewer than 183"):
            archivist.archive("user:ann", tmp_path / "a", days)
    with pytest.raises(ArchiveRefused, match="no entries are older"):
        archivist.archive("user:ann", tmp_path / "a", 3100)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(AuditExportRefused):
        archivist.archive("user:ann", tmp_path / "full", 2190)
    assert not (tmp_path / "a").exists()
    assert log.reader.first() == 0


def test_archives_that_the_log_does_not_know_are_missed(archivist, log, made, tmp_path):
    archivist.archive("user:ann", tmp_path / "stick", 2190)
    log.close()
    connection = create(log._scribe._path, KEY, made[1])
    connection.execute("DELETE FROM archives")
    connection.close()
    opened = scribe(log._scribe._path, made[1])
    reader = opened.reader()
    report = verify(reader)
    assert (report.ok, report.first_bad) == (False, 0)
    assert "nor in any archive" in report.sentence
    reader.close()
    opened.release()
