"""Releases of the software: staged whole, asked for, heard of again, and the one before asked back."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.content import check_content
from appliance.updates.errors import UpdateBusy
from appliance.updates.fetcher import Stick
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
