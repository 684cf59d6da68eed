"""Releases of the software: staged whole, asked for, heard of again, and the one before asked back."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.api.update_views import plan_view
from appliance.db.widening import digest_of
from appliance.updates.content import check_content
from appliance.updates.errors import ContentRefused, LogFormRefused, UpdateBusy
from appliance.updates.fetcher import Stick
from appliance.updates.log_forms import OWN, PLACE
from appliance.updates.manifest import Database
from appliance.updates.verify import verify_metadata
from tests.appliance.updates.conftest import Box


def _newer(box: Box, yard, tmp_path) -> Path:
    """What the vendor has added, an hour later."""
    box.now += timedelta(hours=1)
    return yard.build(tmp_path / "newer", box.now)


def _release(yard, tmp_path, version: str = "0.2.0"):
    folder = tmp_path / f"release-{version}"
    (folder / "appliance").mkdir(parents=True)
    (folder / "appliance" / "__init__.py").write_text("")
    (folder / "VERSION").write_text(version)
    yard.add_files("software", "wardbox", version, folder, database=Database(12, 40))


def test_a_release_is_staged_whole_and_asked_for(box: Box, yard, tmp_path):
    _release(yard, tmp_path)
    stick = _newer(box, yard, tmp_path)
    plan = box.updates.plan(stick, "x")
    assert (plan.downtime_s, plan.schema_after) == (40, 12)
    seen = box.updates.apply(stick, "user:li")
    assert (seen.state, seen.kind, seen.version) == ("staged", "software", "0.2.0")
    assert box.models() == [("demo-1", "1.0")], "what else is on it goes live at once"
    asked = json.loads((box.folder / "updates" / "request.json").read_text())
    assert (asked["bundle"], asked["version"], asked["rollback"]) == (seen.id, "0.2.0", False)
    assert asked["asked_by"] == "user:li"
    (staged,) = (box.folder / "updates" / "staged").iterdir()
    assert staged.name == seen.id
    # Somebody who trusts nobody judges all of it again.
    with Stick(staged) as again:
        found = verify_metadata(again, box.trust.anchor(), box.now)
        assert asked["package"] in {one.digest for one in found.packages}
        check_content(again, [one for one in found.packages if one.kind == "software"])
    assert box.updates.pending().version == "0.2.0"
    assert box.audit.tags()[-1] == "update:bundle:stage"
    with pytest.raises(UpdateBusy):
        box.updates.apply(stick, "x")


@pytest.mark.parametrize(
    ("state", "told", "tag"),
    [
        ("blessed", "applied", "update:bundle:bless"),
        ("reverted", "reverted", "update:bundle:revert"),
        ("refused", "refused", "update:bundle:refuse"),
        ("rolled-back", "rolled-back", "update:package:rollback"),
    ],
)
def test_what_became_of_a_release_is_put_on_record_once(box: Box, yard, tmp_path, state, told, tag):
    _release(yard, tmp_path)
    box.updates.apply(_newer(box, yard, tmp_path), "x")
    folder = box.folder / "updates"
    asked = json.loads((folder / "request.json").read_text())
    outcome = {
        "request": asked["id"],
        "bundle": asked["bundle"],
        "version": "0.2.0",
        "state": state,
        "code": "update.unhealthy" if state == "reverted" else None,
        "zh": "已处理。",
        "en": "It was dealt with.",
        "at": "2027-03-01T10:00:00Z",
        "extra": [1],
    }
    (folder / "outcome.json").write_text(json.dumps(outcome))
    assert box.updates.hear().state == told
    stands = {"applied": ("0.2.0", "0.1.0")}.get(told, ("0.1.0", None))
    runs = {one.kind: (one.version, before) for one, before in box.updates.installed()}
    assert runs["software"] == stands
    assert box.audit.tags()[-1] == tag
    assert box.updates.hear() is None
    assert box.updates.list(1)[0].state == told
    assert box.updates.pending() is None
    assert not (folder / "staged").exists()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"state": "x"}', b"\xff" * 10, b"[" * 9999])
def test_an_outcome_that_is_none_says_nothing(box: Box, raw):
    (box.folder / "updates").mkdir()
    (box.folder / "updates" / "outcome.json").write_bytes(raw)
    (box.folder / "updates" / "request.json").write_bytes(raw)
    assert box.updates.hear() is None


def test_the_release_before_is_asked_for(box: Box):
    assert box.updates.rollback("software", "wardbox", "user:li").state == "staged"
    assert box.updates.pending().rollback
    with pytest.raises(UpdateBusy):
        box.updates.rollback("software", "wardbox", "user:li")


def test_a_release_that_has_no_room_beside_the_vault_is_told_in_the_plan(box: Box, yard, tmp_path):
    _release(yard, tmp_path)
    stick = _newer(box, yard, tmp_path)
    (box.folder / "updates").mkdir()
    rooms = box.updates._inventory._rooms
    free = {box.folder / "updates": 1 << 20}
    box.updates._inventory._rooms = replace(rooms, free=lambda place: free.get(place, 1 << 40))
    assert [one.code for one in box.updates.plan(stick, "x").hindrances] == ["update.disk-full"]


def test_nothing_is_heard_of_the_installer_while_another_update_is_at_work(box: Box):
    (box.folder / "updates").mkdir()
    outcome = {"state": "blessed", "version": "0.2.0", "bundle": "0" * 16, "zh": "", "en": ""}
    (box.folder / "updates" / "outcome.json").write_text(json.dumps(outcome))
    with box.updates._busy:
        assert box.updates.hear() is None
    assert box.updates.hear().state == "applied"


def _log_of(yard, tmp_path, version: str, statement: str, step: str = "audit.003+stars") -> None:
    """A release whose audit log has one step more."""
    folder = tmp_path / f"log-{version}"
    (folder / PLACE).parent.mkdir(parents=True)
    data = json.loads(OWN.read_bytes())
    name = f"{step}.{digest_of([statement])}" if "+" in step else step
    data["databases"]["audit.db"]["steps"].append({"id": name, "statements": [statement]})
    (folder / PLACE).write_text(json.dumps(data))
    # As a vendor would who has no such tools: the box judges for itself.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("installer.vendor.warehouse.judge_log", lambda *_: None)
        yard.add_files("software", "wardbox", version, folder)


def test_a_plan_tells_how_the_log_becomes_wider(box: Box, yard, tmp_path):
    _log_of(yard, tmp_path, "0.2.0", "ALTER TABLE entries ADD COLUMN stars INTEGER")
    plan = box.updates.plan(_newer(box, yard, tmp_path), "x")
    (step,) = plan.log_steps
    assert step.startswith("audit.003+stars.")
    assert plan.hindrances == ()
    assert plan_view(plan).log_steps == plan.log_steps


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("ALTER TABLE entries DROP COLUMN receipt", "audit.003+stars"),
        ("CREATE TABLE more (x INTEGER) STRICT", "audit.003-more"),
        ("ATTACH '/tmp/x.db' AS x", "audit.003+stars"),
    ],
)
def test_a_log_that_this_release_could_not_go_on_with_is_refused(
    box: Box, yard, tmp_path, statement: str, step: str
):
    _log_of(yard, tmp_path, "0.2.0", statement, step)
    stick = _newer(box, yard, tmp_path)
    (refusal,) = box.updates.plan(stick, "x").hindrances
    assert refusal.code == "update.log-form"
    with pytest.raises(LogFormRefused):
        box.updates.apply(stick, "x")
    assert box.models() == []
    assert box.updates.pending() is None


def test_what_a_release_tells_of_its_log_must_be_what_was_signed(box: Box, yard, tmp_path):
    _log_of(yard, tmp_path, "0.2.0", "ALTER TABLE entries ADD COLUMN stars INTEGER")
    stick = _newer(box, yard, tmp_path)
    for path in (stick / "chunks").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ContentRefused):
        box.updates.plan(stick, "x")
