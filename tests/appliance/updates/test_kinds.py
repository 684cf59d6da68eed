"""Each kind of package: planned, applied with no restart, followed by a newer one, and taken back."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.errors import (
    BundleExpired,
    ContentRefused,
    NothingBefore,
    WrongBox,
    WrongHardware,
    WrongRelease,
)
from appliance.updates.expiry import Override
from appliance.updates.fetcher import Stick
from appliance.updates.inventory import bundle_id
from appliance.updates.manifest import Requires
from appliance.updates.plan import version_key
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW
from tests.models.formats.build import gguf_bytes

CASE = {"id": "q1", "messages": [{"role": "user", "content": "1+1=?"}], "fact": "sum"}


def _set(folder: Path, name: str = "sums", **changes) -> Path:
    folder.mkdir(parents=True)
    head = {
        "format": "wardbox-evaluation-set/1",
        "id": name,
        "title": {"zh": "加法", "en": "sums"},
        "metric": "exact",
        "key_class": "P",
        "scorer": "number",
        "max_tokens": 16,
    }
    case = {**CASE, "key": {"value": 2, "tolerance": 0}}
    (folder / "set.json").write_text(json.dumps({**head, **changes}), encoding="utf-8")
    (folder / "cases.ndjson").write_text(json.dumps(case) + "\n", encoding="utf-8")
    return folder


def _newer(box: Box, yard, tmp_path, name: str = "newer") -> Path:
    """What the vendor has added, an hour later."""
    box.now += timedelta(hours=1)
    return yard.build(tmp_path / name, box.now)


def test_a_plan_tells_what_would_change_and_changes_nothing(box: Box, stick, yard, tmp_path):
    before = box.state()
    plan = box.updates.plan(stick, "user:li")
    assert [(one.what, one.before, one.package.version) for one in plan.changes] == [
        ("new", None, "1.0")
    ]
    assert plan.copies > 0 < plan.seconds
    assert (plan.downtime_s, plan.hindrances, plan.schema_after) == (0, (), None)
    assert box.state() == before
    assert box.audit.tags()[-1] == "update:bundle:plan"
    box.updates.apply(stick, "user:li")
    assert [one.what for one in box.updates.plan(stick, "x").changes] == ["same"]
    assert box.updates.plan(stick, "x").copies == 0
    yard.add(version="1.1", model=gguf_bytes(fill=b"\1"))
    plan = box.updates.plan(_newer(box, yard, tmp_path), "x")
    assert [(one.what, one.before) for one in plan.changes] == [("newer", "1.0")]


def test_a_newer_model_goes_live_and_back_again(box: Box, stick, yard, tmp_path):
    box.updates.apply(stick, "user:li")
    assert box.renewed == []
    yard.add(version="2.0", model=gguf_bytes(fill=b"\1"))
    box.updates.apply(_newer(box, yard, tmp_path), "user:li")
    assert box.models() == [("demo-1", "2.0")]
    assert box.renewed == ["demo-1"]
    assert [(one.version, before) for one, before in box.updates.installed()] == [("2.0", "1.0")]
    seen = box.updates.rollback("models", "demo-1", "user:wang")
    assert (seen.state, seen.version) == ("rolled-back", "1.0")
    assert box.models() == [("demo-1", "1.0")]
    assert box.renewed == ["demo-1", "demo-1"]
    assert box.audit.tags()[-1] == "update:package:rollback"
    assert box.audit.events[-1].actor == "user:wang"
    box.updates.rollback("models", "demo-1", "x")
    assert box.models() == [("demo-1", "2.0")]


def test_the_version_before_is_kept_and_no_older_one(box: Box, stick, yard, tmp_path):
    box.updates.apply(stick, "x")
    for number in ("2.0", "3.0"):
        yard.add(version=number, model=gguf_bytes(fill=number[:1].encode()))
        box.updates.apply(_newer(box, yard, tmp_path, number), "x")
    assert {one.version for one in box.catalogue.versions("demo-1")} == {"2.0", "3.0"}
    assert [(one.version, before) for one, before in box.updates.installed()] == [("3.0", "2.0")]


def test_what_has_no_version_before_cannot_go_back(box: Box, stick):
    box.updates.apply(stick, "x")
    before = box.state()
    for kind, name in (("models", "demo-1"), ("models", "other"), ("data", "demo-1")):
        with pytest.raises(NothingBefore):
            box.updates.rollback(kind, name, "x")
    assert box.state() == before
    assert box.updates.list(1)[0].state == "refused"


@pytest.mark.slow
def test_a_delta_takes_what_is_here_already(box: Box, stick, yard, tmp_path):
    box.updates.apply(stick, "x")
    yard.add(version="2.0", model=gguf_bytes(fill=b"\1"))
    box.now += timedelta(hours=1)
    delta = yard.build(tmp_path / "delta", box.now, earlier=stick)
    box.updates.apply(delta, "x")
    assert box.models() == [("demo-1", "2.0")]
    box.catalogue.verify("demo-1", "x")


@pytest.mark.parametrize(
    "kind",
    [
        "evaluations",
        pytest.param("baselines", marks=pytest.mark.slow),
        pytest.param("data", marks=pytest.mark.slow),
    ],
)
def test_packs_are_placed_followed_and_taken_back(box: Box, yard, tmp_path, kind):
    for version in ("1.0", "1.1"):
        source = _set(tmp_path / version) if kind == "evaluations" else tmp_path / version
        (source / "notes").mkdir(parents=True)
        (source / "notes" / "more.json").write_text(json.dumps({"v": version}))
        yard.add_files(kind, "sums", version, source)
        box.updates.apply(_newer(box, yard, tmp_path, f"stick-{version}"), "x")
        folder = box.packs.current(kind)["sums"]
        assert json.loads((folder / "files" / "notes" / "more.json").read_text()) == {"v": version}
    box.updates.rollback(kind, "sums", "x")
    folder = box.packs.current(kind)["sums"]
    assert json.loads((folder / "files" / "notes" / "more.json").read_text()) == {"v": "1.0"}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "another"},
        {"scorer": "os.system"},
    ],
)
def test_an_evaluation_set_that_no_worker_could_read_is_refused(box: Box, yard, tmp_path, changes):
    yard.add_files("evaluations", "sums", "1.0", _set(tmp_path / "set", **changes))
    before = box.state()
    with pytest.raises(ContentRefused):
        box.updates.apply(_newer(box, yard, tmp_path), "x")
    assert box.state() == before
    assert box.packs.current("evaluations") == {}


@pytest.mark.parametrize("text", ["{", "{}"])
def test_a_baseline_that_no_check_could_read_is_refused(box: Box, yard, tmp_path, text):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "golden.json").write_text(text)
    yard.add_files("baselines", "h20", "1.0", tmp_path / "base")
    with pytest.raises(ContentRefused):
        box.updates.apply(_newer(box, yard, tmp_path), "x")
    assert box.packs.current("baselines") == {}


@pytest.mark.parametrize(
    ("requires", "refusal"),
    [
        (Requires(box="ward-2"), WrongBox),
        (Requires(hardware=("ascend", "nvidia-h20")), WrongHardware),
        pytest.param(Requires(wardbox=("0.0.9",)), WrongRelease, marks=pytest.mark.slow),
    ],
)
def test_a_package_for_another_box_is_told_in_the_plan_and_refused(
    box: Box, yard, tmp_path, requires, refusal
):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "table.bin").write_bytes(b"x")
    yard.add_files("data", "icd", "1.0", tmp_path / "pack", requires=requires)
    stick, before = _newer(box, yard, tmp_path), box.state()
    (told,) = box.updates.plan(stick, "x").hindrances
    assert isinstance(told, refusal)
    with pytest.raises(refusal):
        box.updates.apply(stick, "x")
    assert box.state() == before
    box.site = replace(box.site, box="ward-2", hardware=frozenset({"ascend"}), release="0.0.9")
    box.updates.apply(stick, "x")
    assert set(box.packs.current("data")) == {"icd"}


def test_an_expired_stick_passes_with_two_people_who_are_put_on_record(box: Box, stick):
    box.now = NOW + timedelta(days=401)
    with pytest.raises(BundleExpired) as caught:
        box.updates.plan(stick, "x")
    with Stick(stick) as medium:
        assert bundle_id(medium) in caught.value.sentence
    two = Override(by=("user:li", "user:wang"))
    assert box.updates.plan(stick, "x", two).overridden
    assert box.updates.apply(stick, "user:li", override=two).state == "applied"
    told = [one for one in box.audit.events if one.tag == "update:bundle:override"]
    assert {tuple(one.details["people"]) for one in told} == {("user:li", "user:wang")}
    with pytest.raises(BundleExpired):
        box.updates.apply(stick, "x")


def test_a_stick_that_is_in_force_needs_nobody(box: Box, stick):
    two = Override(by=("user:li", "user:wang"))
    assert not box.updates.plan(stick, "x", two).overridden
    assert "update:bundle:override" not in box.audit.tags()


def test_versions_are_put_in_order_as_people_count():
    wanted = ["0.9", "1.0rc1", "1.0", "1.0.1", "1.2", "1.10", "2026.11", "2027.1"]
    assert sorted(wanted, key=version_key) == wanted
