"""An expired stick that two people let pass: on the box, in the record, and at the installer."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.errors import BundleExpired, OverrideRefused
from appliance.updates.expiry import Override
from appliance.updates.trust import TrustStore
from installer.apply_errors import RequestRefused
from installer.apply_request import Desk
from installer.apply_source import StagedBundles, trust_of
from installer.slots import Slots
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW, Yard

LATE = NOW + timedelta(days=401)
TWO = Override(("user:li", "user:wang"))


def test_one_person_is_refused_and_two_are_on_record(box: Box, stick):
    box.now = LATE
    for act in (box.updates.verify, box.updates.plan, box.updates.apply):
        with pytest.raises(BundleExpired):
            act(stick, "user:li")
    assert box.models() == []
    assert box.updates.plan(stick, "user:li", TWO).overridden
    box.updates.apply(stick, "user:li", override=TWO)
    assert box.models() == [("demo-1", "1.0")]
    told = [str(event) for event in box.audit.events]
    assert any("user:wang" in one and "user:li" in one for one in told)


@pytest.fixture
def release(yard: Yard, tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "appliance").mkdir(parents=True)
    (tree / "appliance" / "__init__.py").write_text("")
    yard.add_files("software", "wardbox", "0.2.0", tree)
    return yard.build(tmp_path / "release")


@pytest.mark.parametrize("approved", [True, False])
def test_the_installer_learns_of_the_two(box: Box, yard, release, tmp_path, approved):
    """It judges all of it again: an expired release passes with what two people said, not without."""
    box.now = LATE
    box.updates.apply(release, "user:li", override=TWO)
    place = tmp_path / "software"
    (place / "trust").mkdir(parents=True)
    slots = Slots(place)
    trust = trust_of(place)
    assert isinstance(trust, TrustStore)
    trust.pin(yard.root, NOW)
    request = box.folder / "updates" / "request.json"
    asked = json.loads(request.read_bytes())
    assert asked["approved_by"] == ["user:li", "user:wang"]
    if not approved:
        request.write_bytes(json.dumps({**asked, "approved_by": []}).encode())
    source = StagedBundles(Desk(box.folder / "updates"), slots, lambda: LATE)
    words = (asked["bundle"], asked["version"], asked["package"])
    if approved:
        assert source.judge(*words).package.version == "0.2.0"
    else:
        with pytest.raises(BundleExpired):
            source.judge(*words)
    for alone in (["user:li"], ["user:li", "USER:LI"]):
        request.write_bytes(json.dumps({**asked, "approved_by": alone}).encode())
        with pytest.raises(OverrideRefused):
            source.judge(*words)
    for junk in ({"a": 1}, "two", 7, None, [["x"], {}]):
        request.write_bytes(json.dumps({**asked, "approved_by": junk}).encode())
        with pytest.raises(RequestRefused):
            source.judge(*words)
