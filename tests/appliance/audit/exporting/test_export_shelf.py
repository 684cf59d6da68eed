"""Exports that lie on the box: known again after a restart, gone by age, damaged, half made."""

import os
from datetime import timedelta

import pytest

from appliance.audit.errors import AuditExportUnfinished
from appliance.audit.export_asked import Asked
from appliance.audit.export_desk import ExportDesk
from appliance.audit.export_shelf import ExportShelf
from appliance.audit.export_zip import zipped
from appliance.audit.query import Query
from tests.appliance.audit.conftest import note
from tests.appliance.audit.exporting.conftest import made_of


@pytest.fixture
def log(box):
    log = box.open()
    log.append(note(1)).result(10)
    return log


@pytest.fixture
def reopened(log, box, tmp_path):
    """Makes the desk of a box that was opened again."""
    made = []

    def again(days=30):
        shelf = ExportShelf(tmp_path / "place", days, log.reader)
        made.append(ExportDesk(made_of(log, box), log, shelf))
        return made[-1]

    yield again
    for one in made:
        one.close()


@pytest.fixture
def desk(reopened):
    return reopened()


def test_exports_that_lie_there_are_known_again_after_a_restart(desk, reopened, box, tmp_path):
    first = desk.begin("user:a", Asked(formats=()))
    report = desk.wait(first.id)
    box.clock.move(1)
    filtered = desk.wait(desk.begin("user:b", Asked(tag="model:*", formats=())).id)
    (tmp_path / "place" / "mine").mkdir()
    (tmp_path / "place" / "audit-20269999T999999999999Z").mkdir()
    again = reopened()
    assert again.list() == ()
    again.recall()
    newer, older = again.list()
    assert (older.id, older.actor, older.state, older.report) == (
        first.id,
        "user:a",
        "done",
        report,
    )
    assert older.kept_until == older.asked + timedelta(days=30)
    assert (newer.actor, newer.report) == ("user:b", filtered)
    assert again.wait(first.id) == report
    assert b"".join(zipped(again.finished(first.id)))
    again.remove(first.id)
    assert not report.directory.exists()
    assert again.list() == (newer,)


def test_exports_go_by_age_and_on_the_record(desk, reopened, log, box, tmp_path):
    old = desk.wait(desk.begin("user:a", Asked(formats=())).id)
    elsewhere = desk.wait(desk.begin("user:a", Asked(formats=()), tmp_path / "mine").id)
    box.clock.move(29 * 86_400)
    young = desk.wait(desk.begin("user:a", Asked(formats=())).id)
    assert desk.expire() == 0
    box.clock.move(86_400)
    assert reopened(days=0).expire() == 0
    assert reopened().expire() == 1
    assert desk.expire() == 0
    assert not old.directory.exists()
    assert young.directory.exists()
    assert elsewhere.directory.exists()
    (event,) = log.reader.search(Query(tag="audit:export:expire"))
    assert event.event.subject == old.directory.name
    assert event.event.details == {"days": 30}


@pytest.mark.parametrize("name", ["manifest.json", "checkpoint"])
def test_a_damaged_export_is_told_and_goes_like_any_other(desk, reopened, name):
    report = desk.wait(desk.begin("user:a", Asked(formats=())).id)
    (report.directory / name).write_bytes(b"{}")
    again = reopened()
    again.recall()
    (found,) = again.list()
    assert found.state == "failed"
    assert "damaged" in found.error.sentence
    with pytest.raises(AuditExportUnfinished):
        again.finished(found.id)
    again.remove(found.id)
    assert again.list() == ()
    assert not report.directory.exists()


def test_what_a_power_cut_left_half_made_goes_away(desk, reopened, tmp_path):
    place = tmp_path / "place"
    half = place / ".audit-20260301T080000000000Z.1-2.part"
    own = place / f".audit-20260301T080000000000Z.{os.getpid()}-2.part"
    for one in (half, own):
        one.mkdir(parents=True)
    reopened().recall()
    assert not half.exists()
    assert own.exists()
