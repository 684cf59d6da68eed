"""A change of the software that widens the audit log: kept whatever becomes of it, and nothing narrower."""

from pathlib import Path

import pytest

from appliance.updates.log_forms import OWN, PLACE
from installer.apply_box import _rehearsed, _widens_log
from installer.apply_errors import RehearsalFailed
from tests.installer.apply.small_place import Machine, Offered, tree_of


def test_a_release_that_is_taken_back_leaves_the_log_wider(machine: Machine) -> None:
    """What was written into the log while it was tried stays, and the release before goes on."""
    wide = Offered(tree_of("3.0", 1, well=False, log=("audit.2+moons",)))
    machine.ask(wide)
    record = machine.applier(wide).run()
    assert record is not None
    assert (record.state, record.migrations) == ("reverted", ("room.2-more", "audit.2+moons"))
    log = machine.layout.audit_db.read_text().splitlines()
    assert log[-1] == "start 1.0"
    assert "step audit.2+moons" in log
    assert [line for line in machine.box.logged if line not in log] == []
    assert not machine.box.dead


def test_a_release_that_narrows_the_log_is_refused(machine: Machine) -> None:
    narrow = Offered(tree_of("3.0", 1, log=("audit.2-other",)))
    machine.ask(narrow)
    record = machine.applier(narrow).run()
    assert record is not None
    assert (record.state, record.reason.code) == ("refused", "apply.rehearsal-failed")
    assert machine.box.running == machine.box.house == (machine.root / "first").resolve()


def test_a_release_that_had_not_said_so_is_refused() -> None:
    """Its log was never given to the release before."""
    report = {"version": "2", "migrations": ["a", "audit.2+x"], "log": ["audit.2+x"]}
    with pytest.raises(RehearsalFailed, match=r"audit\.2\+x"):
        _rehearsed(report)
    assert _rehearsed({**report, "events": 700}).migrations == ("a", "audit.2+x")
    assert _rehearsed({**report, "log": []}).version == "2"
    for broken in ({}, {"version": "2"}, {"version": "2", "migrations": None}):
        with pytest.raises(RehearsalFailed):
            _rehearsed(broken)


def test_who_says_that_the_log_becomes_wider(tmp_path: Path) -> None:
    raw = OWN.read_bytes()
    told = {
        "same": raw,
        "wider": raw.replace(
            b'"steps": [', b'"steps": [{"id": "audit.9+x.0", "statements": []},', 1
        ),
        "nonsense": b"{}",
    }
    for name, content in told.items():
        (tmp_path / name / PLACE).parent.mkdir(parents=True)
        (tmp_path / name / PLACE).write_bytes(content)
    assert _widens_log(tmp_path / "same", tmp_path / "wider")
    for old, new in (("same", "same"), ("wider", "same"), ("nonsense", "wider"), ("none", "wider")):
        assert not _widens_log(tmp_path / old, tmp_path / new)
