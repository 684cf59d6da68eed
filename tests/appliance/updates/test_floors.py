"""What is never gone below: versions of every role, the clock, what a release was shipped with."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.updates.anchor import Anchor, Factory, Floor, new_anchor, read_factory
from appliance.updates.errors import (
    BundleExpired,
    BundleRolledBack,
    ClockBehind,
    OverrideRefused,
    RecordDoubtful,
    TrustDamaged,
    UpdateError,
)
from appliance.updates.expiry import Override
from appliance.updates.fetcher import Stick
from appliance.updates.shape import compact
from appliance.updates.trust import TrustStore
from appliance.updates.verify import Verified, verify_metadata
from installer.vendor.signing import Chain
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW, Yard, read, rewrite

TWO = Override(("user:li", "user:wang"))
DAY = timedelta(days=1)


def judge(stick: Path, anchor: Anchor, now: datetime = NOW, **words: Any) -> Verified:
    with Stick(stick) as held:
        return verify_metadata(held, anchor, now, **words)


@pytest.fixture
def trust(yard: Yard, tmp_path: Path) -> TrustStore:
    store = TrustStore(tmp_path / "trust" / "root.json", tmp_path / "factory.json")
    store.pin(yard.root, NOW)
    return store


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "models", "root"])
def test_no_role_goes_back(yard, stick, trust, role):
    """Even where the metadata that was kept is lost: the floor has a record of its own."""
    accepted = judge(stick, trust.anchor()).accepted
    higher = {**accepted.floor.versions, role: accepted.floor.versions[role] + 1}
    bare = Anchor(accepted.root, {}, Floor(accepted.floor.time, higher))
    with pytest.raises(BundleRolledBack, match=role):
        judge(stick, bare)


def test_a_role_that_disappears_goes_back_too(yard, stick, trust):
    accepted = judge(stick, trust.anchor()).accepted
    floor = Floor(accepted.floor.time, {**accepted.floor.versions, "software": 1})
    with pytest.raises(BundleRolledBack, match="software"):
        judge(stick, Anchor(accepted.root, {}, floor))


def test_the_newest_audit_checkpoint_holds_the_clock(stick, trust):
    anchor = trust.anchor().not_before(NOW + DAY)
    with pytest.raises(ClockBehind):
        judge(stick, anchor, NOW)
    assert judge(stick, anchor, NOW + DAY).accepted.floor.time == NOW + DAY
    assert trust.anchor().not_before(NOW - DAY * 900).floor.time == trust.anchor().floor.time


def test_a_clock_of_1970(stick, trust):
    with pytest.raises(ClockBehind):
        judge(stick, trust.anchor(), datetime(1970, 1, 1, tzinfo=UTC))


def test_a_new_box_knows_what_its_release_was_shipped_with(yard, stick, trust, tmp_path):
    """The fourth gap: a stick that was old when the box was made."""
    newer = yard.build(tmp_path / "newer", NOW + DAY)
    (tmp_path / "factory.json").write_bytes(
        Chain(yard.folder, yard.keys).factory(NOW + DAY).to_bytes()
    )
    fresh = TrustStore(tmp_path / "other" / "root.json", tmp_path / "factory.json")
    fresh.pin(yard.root, NOW + 2 * DAY)
    for store in (fresh, trust):
        with pytest.raises(BundleRolledBack):
            judge(stick, store.anchor(), NOW + 2 * DAY)
        assert judge(newer, store.anchor(), NOW + 2 * DAY).packages
        with pytest.raises(ClockBehind):
            judge(newer, store.anchor(), NOW)


def test_the_floors_of_one_vendor_are_not_those_of_another(yard, tmp_path):
    stranger = Yard(tmp_path / "stranger").init()
    stranger.add()
    bundle = stranger.build(tmp_path / "theirs")
    floor = Floor(NOW - DAY, {"timestamp": 99, "root": 7})
    shipped = Factory(floor, frozenset({"0" * 64}))
    (tmp_path / "factory.json").write_bytes(shipped.to_bytes())
    store = TrustStore(tmp_path / "trust" / "root.json", tmp_path / "factory.json")
    store.pin(stranger.root, NOW)
    assert judge(bundle, store.anchor()).packages
    assert read_factory(tmp_path / "factory.json") == shipped


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"format":"x"}'])
def test_a_damaged_factory_file_is_not_taken_for_none(yard, tmp_path, raw):
    (tmp_path / "factory.json").write_bytes(raw)
    with pytest.raises(TrustDamaged):
        TrustStore(tmp_path / "trust" / "root.json", tmp_path / "factory.json").pin(yard.root, NOW)


def test_an_expired_bundle_takes_two_people(stick, trust):
    late = NOW + 401 * DAY
    with pytest.raises(BundleExpired):
        judge(stick, trust.anchor(), late)
    found = judge(stick, trust.anchor(), late, override=TWO)
    assert found.override == TWO
    assert judge(stick, trust.anchor(), NOW, override=TWO).override is None, "it was not needed"
    assert judge(stick, found.accepted, late, override=TWO).packages
    # The log has gone on since the stick was signed, and the release may be younger than it.
    today = trust.anchor().not_before(late)
    assert judge(stick, today, late, override=TWO).override == TWO


@pytest.mark.parametrize(
    "people", [("user:li", "user:li"), ("user:li", " USER:LI "), ("user:li", ""), ("user:li",), ()]
)
def test_one_person_is_not_two(people):
    with pytest.raises(OverrideRefused):
        Override(people)


def test_an_override_is_for_expiry_alone(yard, stick, trust, tmp_path):
    late = NOW + 401 * DAY
    newer = yard.build(tmp_path / "newer", NOW + DAY)
    seen = judge(newer, trust.anchor(), NOW + DAY).accepted
    with pytest.raises(BundleRolledBack):
        judge(stick, seen, late, override=TWO)
    with pytest.raises(BundleExpired, match="root"):
        judge(newer, seen, NOW + 3700 * DAY, override=TWO)
    with pytest.raises(ClockBehind):
        judge(newer, seen, NOW - 30 * DAY, override=TWO)
    path = stick / "metadata" / "timestamp.json"
    data = read(path)
    data["signatures"][0]["sig"] = "0" * 128
    path.write_bytes(compact(data))
    with pytest.raises(UpdateError):
        judge(stick, trust.anchor(), late, override=TWO)


def test_an_override_takes_what_held_when_it_was_signed(yard, stick, trust):
    """A part that had expired before the bundle was signed was never meant to be taken."""
    rewrite(yard, stick, "models", lambda s: s.update(expires="2027-02-01T00:00:00Z"))
    with pytest.raises(BundleExpired):
        judge(stick, trust.anchor(), NOW + 401 * DAY, override=TWO)


def _next_root(yard: Yard, rotated: tuple[str, ...]) -> bytes:
    data = json.loads(yard.root)
    signed = data["signed"]
    signed["version"] = 2
    for role in rotated:
        key = yard.keys.create(f"{role}-2").public_key
        (old,) = signed["roles"][role]["keyids"]
        signed["keys"].pop(old)
        signed["keys"][key.keyid] = key.to_dict()
        signed["roles"][role]["keyids"] = [key.keyid]
    data["signatures"] = [yard.signature(name, signed) for name in ("root-1", "root-2")]
    return compact(data)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    ("rotated", "holds"), [(("timestamp", "snapshot"), True), (("timestamp",), False), ((), False)]
)
def test_new_keys_lead_back_from_a_version_too_high(yard, stick, trust, by_hand, rotated, holds):
    """TUF 1.0, 5.3.11: a stolen key signed the highest versions; the vendor starts to count anew."""
    high = {"timestamp": 1 << 40, "snapshot": 1 << 40, "targets": 1 << 40, "models": 1 << 40}
    accepted = judge(stick, trust.anchor()).accepted
    floor = Floor(accepted.floor.time, {**accepted.floor.versions, **high})
    trust.commit(Anchor(accepted.root, {}, floor))
    raw = _next_root(yard, rotated)
    (stick / "metadata" / "2.root.json").write_bytes(raw)
    for role in rotated:
        path = next((stick / "metadata").glob(f"*{role}.json"))
        data = read(path)
        data["signatures"] = [yard.signature(f"{role}-2", data["signed"])]
        path.write_bytes(compact(data))
    if "snapshot" in rotated:
        _redescribe(yard, stick)
    if by_hand:
        trust.pin(raw, NOW)
    if not holds:
        with pytest.raises(UpdateError):
            judge(stick, trust.anchor())
        return
    found = judge(stick, trust.anchor()).accepted
    assert found.floor.versions["timestamp"] == 1
    trust.commit(found)
    assert judge(stick, trust.anchor()).packages


def _redescribe(yard: Yard, stick: Path) -> None:
    from hashlib import sha256

    raw = next((stick / "metadata").glob("*.snapshot.json")).read_bytes()
    path = stick / "metadata" / "timestamp.json"
    data = read(path)
    row = data["signed"]["meta"]["snapshot.json"]
    row["length"], row["hashes"] = len(raw), {"sha256": sha256(raw).hexdigest()}
    data["signatures"] = [yard.signature("timestamp-2", data["signed"])]
    path.write_bytes(compact(data))


def test_a_new_anchor_has_the_release_floor(yard):
    assert new_anchor(yard.root).floor.time >= datetime(2026, 1, 1, tzinfo=UTC)


def test_a_disk_that_was_put_back_judges_nothing(box: Box, stick):
    box.doubt = ("磁盘被换回了旧的副本", "its disk is an older copy")
    before = box.state()
    for act in (box.updates.verify, box.updates.apply):
        with pytest.raises(RecordDoubtful, match="its disk is an older copy") as caught:
            act(stick, "x")
    assert "wardbox audit witness renew" in caught.value.way_out
    assert box.state() == before
    assert box.audit.events[-1].details["code"] == "update.record-doubtful"
    box.doubt = None
    assert box.updates.apply(stick, "x").state == "applied"
