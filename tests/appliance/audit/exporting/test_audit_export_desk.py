"""Asking for exports: times as people write them, one after the other, watched, cancelled, fetched."""

import io
import json
import threading
import zipfile
from datetime import UTC, datetime, timedelta, timezone

import pytest

from appliance.audit.errors import (
    AuditExportEmpty,
    AuditExportRefused,
    AuditExportStopped,
    AuditExportUnfinished,
    AuditExportUnknown,
    AuditTimeInvalid,
)
from appliance.audit.export_asked import Asked
from appliance.audit.export_desk import ExportDesk
from appliance.audit.export_order import Materials
from appliance.audit.export_shelf import ExportShelf
from appliance.audit.export_times import first_at, microseconds_of, span_of
from appliance.audit.export_zip import zipped
from appliance.audit.query import Query
from appliance.audit.rendering.meaning import Source
from secure_compute.verifier.judge import main
from tests.appliance.audit.conftest import note

EIGHT = timezone(timedelta(hours=8))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "low", "high"),
    [
        ("2026-03-01", "2026-03-01", "2026-02-28T16:00:00", "2026-03-01T15:59:59.999999"),
        ("2026-03-01T08:30", None, "2026-03-01T00:30:00", None),
        (
            " 2026-03-01 08:30:15 ",
            "2026-03-01T08:30:15Z",
            "2026-03-01T00:30:15",
            "2026-03-01T08:30:15",
        ),
        ("2026-03-01T08:30:15.5+01:00", None, "2026-03-01T07:30:15.500000", None),
        ("2026-03-01T08:30:15,123456-0330", None, "2026-03-01T12:00:15.123456", None),
        (None, "2028-02-29", None, "2028-02-29T15:59:59.999999"),
        (None, None, None, None),
    ],
)
def test_times_as_people_write_them(since, until, low, high):
    span = span_of(since, until, EIGHT)
    assert span.since == (None if low is None else utc(low))
    assert span.until == (None if high is None else utc(high))


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026",
        "2026-3-1",
        "2026-02-30",
        "2026-13-01",
        "2026-03-01T25:00",
        "2026-03-01T08:30+99:00",
        "1600000000",
        "0001-01-01",
        "9999-12-31",
        "２０２６-03-01",
        "2026-03-01T08:30:15.1234567",
        "x" * 500,
    ],
)
def test_nonsense_is_told_in_a_sentence(text):
    for given in ((text, None), (None, text)):
        with pytest.raises(AuditTimeInvalid) as caught:
            span_of(*given, EIGHT)
        assert ("--from" if given[0] is not None else "--to") in caught.value.sentence
        assert "2026-03-01" in caught.value.way_out
        assert len(caught.value.sentence) < 500


def test_a_span_that_ends_before_it_begins():
    with pytest.raises(AuditTimeInvalid, match="before the beginning"):
        span_of("2026-03-02", "2026-03-01", EIGHT)


def test_a_time_without_a_zone_is_in_the_machine_s():
    here = datetime(2026, 3, 1, 8, 30)
    assert span_of("2026-03-01T08:30", None).since == here.astimezone(UTC)


def test_the_first_entry_that_is_not_before_a_moment():
    times = [1, 1, 3, 3, 3, 9]
    for moment in range(11):
        expected = next((i for i, time in enumerate(times) if time >= moment), 6)
        assert first_at(moment, times.__getitem__, 0, 6) == expected
    assert microseconds_of(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005


@pytest.fixture
def log(box):
    log = box.open()
    for _ in range(6):
        box.clock.move(60)
        for number in range(50):
            log.append(note(number, f"key:{number % 2}"))
        log.append(note(0)).result(10)
    return log


@pytest.fixture
def desk(log, box, tmp_path):
    materials = Materials(log.reader, Source("wardbox/test"), log.seal, box.clock)
    desk = ExportDesk(materials, log, ExportShelf(tmp_path / "place", 30, log.reader), EIGHT)
    yield desk
    desk.close()


def test_a_span_of_time_becomes_a_range_without_gaps(desk, log, tmp_path):
    asked = Asked(since="2026-03-01T16:02", until="2026-03-01T16:03:30", formats=())
    begun = desk.begin("user:a", asked)
    report = desk.wait(begun.id)
    entries = [json.loads(line) for line in lines(report)]
    low, high = (microseconds_of(one) for one in (begun.span.since, begun.span.until))
    assert len(entries) >= 102
    assert all(low <= entry["time"] <= high for entry in entries)
    assert report.entries == len(entries)
    assert not (report.directory / "proofs.tlog-proof").exists()
    assert main([str(report.directory), "--remember", str(tmp_path / "m")]) == 0
    state = desk.find(begun.id)
    assert (state.state, state.done, state.total) == ("done", len(entries), len(entries))
    recorded = log.reader.search(Query(tag="audit:log:export"))[0].event
    assert recorded.actor == "user:a"
    assert recorded.subject == begun.id
    assert recorded.details == {
        "bodies": False,
        "filter": {},
        "first": report.first,
        "last": report.last,
        "patient": None,
    }


def lines(report):
    return (report.directory / "entries.ndjson").read_bytes().splitlines()


def test_conditions_hold_together_and_stand_on_the_record(desk, log):
    asked = Asked(
        since="2026-03-01T16:02", actor="key:1", tag="model:*", model="m", formats=("html",)
    )
    report = desk.wait(desk.begin("user:a", asked).id)
    assert report.entries == 125
    assert (report.directory / "proofs.tlog-proof").exists()
    recorded = log.reader.search(Query(tag="audit:log:export"))[0].event.details
    assert recorded["filter"] == {"actor": "key:1", "model": "m", "tag": "model:*"}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (Asked(until="2026-02-01"), AuditExportEmpty),
        (Asked(since="2027-01-01"), AuditExportEmpty),
        (Asked(first=99_999), AuditExportRefused),
        (Asked(first=5, last=4), AuditExportRefused),
        (Asked(last=99_999), AuditExportRefused),
        (Asked(since="soon"), AuditTimeInvalid),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_recorded(desk, log, asked, kind):
    size = log.reader.size()
    with pytest.raises(kind):
        desk.begin("user:a", asked)
    assert log.reader.size() == size
    assert desk.list() == ()


def test_an_export_that_finds_nothing_fails_and_says_so(desk):
    begun = desk.begin("user:a", Asked(actor="nobody"))
    with pytest.raises(AuditExportEmpty):
        desk.wait(begun.id)
    state = desk.find(begun.id)
    assert state.state == "failed"
    assert isinstance(state.error, AuditExportEmpty)
    with pytest.raises(AuditExportUnfinished):
        desk.finished(begun.id)


def test_exports_wait_for_each_other_and_can_be_cancelled(desk, box, tmp_path, monkeypatch):
    going, go_on = threading.Event(), threading.Event()
    real = desk._materials.reader.leaves

    def slow(first, end):
        going.set()
        assert go_on.wait(20)
        return real(first, end)

    monkeypatch.setattr(desk._materials.reader, "leaves", slow)
    first = desk.begin("user:a", Asked(formats=()), tmp_path / "one")
    box.clock.move(1)
    second = desk.begin("user:a", Asked(formats=()), tmp_path / "two")
    assert going.wait(20)
    assert [one.state for one in desk.list()] == ["waiting", "running"]
    desk.remove(second.id)
    assert desk.find(second.id).state == "cancelled"
    stopper = threading.Thread(target=desk.remove, args=(first.id,))
    stopper.start()
    while desk._wanted(first.id):
        pass
    go_on.set()
    stopper.join(20)
    assert desk.find(first.id).state == "cancelled"
    with pytest.raises(AuditExportStopped):
        desk.wait(first.id)
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "two").exists()


def test_a_finished_export_is_fetched_whole_and_taken_away(desk, tmp_path):
    begun = desk.begin("user:a", Asked(tag="model:*"))
    report = desk.wait(begun.id)
    data = b"".join(zipped(desk.finished(begun.id)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            inside = tmp_path / "fetched" / name
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.write_bytes(archive.read(name))
    folder = tmp_path / "fetched" / report.directory.name
    assert main([str(folder), "--remember", str(tmp_path / "m")]) == 0
    desk.remove(begun.id)
    assert not report.directory.exists()
    for act in (desk.find, desk.wait, desk.remove, desk.finished):
        with pytest.raises(AuditExportUnknown):
            act(begun.id)


def test_a_folder_of_one_s_own_is_not_taken_away(desk, tmp_path):
    begun = desk.begin("user:a", Asked(formats=()), tmp_path / "mine")
    desk.wait(begun.id)
    desk.remove(begun.id)
    assert (tmp_path / "mine/seal.note").exists()


def test_only_so_many_old_exports_are_remembered(desk, box, tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.audit.export_desk._KEPT", 3)
    for number in range(7):
        box.clock.move(1)
        desk.wait(
            desk.begin("user:a", Asked(first=0, last=0, formats=()), tmp_path / f"{number}").id
        )
    assert len(desk.list()) == 4
    assert desk.list()[0].directory == tmp_path / "6"
