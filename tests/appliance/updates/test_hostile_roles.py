"""Properly signed nonsense: roles, thresholds, keys and paths that no honest vendor would sign."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.updates.anchor import new_anchor
from appliance.updates.errors import (
    ContentRefused,
    MetadataRefused,
    SignatureRefused,
    UpdateError,
)
from appliance.updates.fetcher import Stick
from appliance.updates.manifest import KINDS
from appliance.updates.shape import compact, judge_metadata
from appliance.updates.verify import Verified, verify_metadata
from tests.installer.vendor.yard import NOW, Yard, read, rewrite

CARD = "models/demo-1/1.0/package.json"


def verify(yard: Yard, stick: Path, **words: Any) -> Verified:
    with Stick(stick) as held:
        return verify_metadata(held, new_anchor(yard.root), NOW, **words)


def refused(yard: Yard, stick: Path, *kinds: type[UpdateError]) -> None:
    with pytest.raises(kinds or UpdateError) as caught:
        verify(yard, stick)
    assert caught.value.way_out
    assert caught.value.sentence.isprintable()


def _delegation(signed: dict[str, Any], name: str = "models") -> dict[str, Any]:
    return next(role for role in signed["delegations"]["roles"] if role["name"] == name)


@pytest.mark.parametrize("threshold", [0, -1, True, "1", None, 2, [1], 1 << 60])
@pytest.mark.parametrize("kind", ["models", "software"])
def test_a_threshold_that_is_none(yard, stick, threshold, kind):
    rewrite(yard, stick, "targets", lambda s: _delegation(s, kind).update(threshold=threshold))
    refused(yard, stick, MetadataRefused)


@pytest.mark.parametrize("threshold", [0, -1, True, "1", 4, None])
@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_root_with_such_a_threshold_is_no_root(threshold, role, yard):
    data = json.loads(yard.root)
    data["signed"]["roles"][role]["threshold"] = threshold
    data["signatures"] = [yard.signature(f"root-{n}", data["signed"]) for n in (1, 2, 3)]
    with pytest.raises(MetadataRefused):
        judge_metadata("root", compact(data))


def _twice(signed: dict[str, Any]) -> None:
    _delegation(signed)["keyids"] *= 2
    _delegation(signed)["threshold"] = 2


def _alias(signed: dict[str, Any]) -> None:
    (own,) = _delegation(signed)["keyids"]
    signed["delegations"]["keys"]["2" * 64] = signed["delegations"]["keys"][own]
    _delegation(signed)["keyids"].append("2" * 64)
    _delegation(signed)["threshold"] = 2


def _upper(signed: dict[str, Any]) -> None:
    (own,) = _delegation(signed)["keyids"]
    key = dict(signed["delegations"]["keys"][own])
    key["keyval"] = {"public": key["keyval"]["public"].upper()}
    signed["delegations"]["keys"]["3" * 64] = key
    _delegation(signed)["keyids"].append("3" * 64)
    _delegation(signed)["threshold"] = 2


def _shared(signed: dict[str, Any]) -> None:
    """The key of the models signs for the software, too."""
    _delegation(signed, "software")["keyids"] += _delegation(signed)["keyids"]


@pytest.mark.parametrize("change", [_twice, _alias, _upper, _shared])
def test_one_key_counted_twice_or_for_two_roles(yard, stick, change):
    rewrite(yard, stick, "targets", change)
    refused(yard, stick, MetadataRefused)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "models"])
def test_the_key_of_one_kind_opens_no_other(yard, stick, kind):
    """Who holds the keys of the models cannot ship software, nor the other way round."""
    for path in (stick / "metadata").glob("*.models.json"):
        data = read(path)
        data["signatures"] = [yard.signature(kind, data["signed"])]
        path.write_bytes(compact(data))
    rewrite(yard, stick, "snapshot", lambda _: None)
    refused(yard, stick, SignatureRefused)


def test_two_of_three_for_one_kind(yard, stick):
    """A threshold of its own: one signature is not enough, two are."""
    for name in ("models-2", "models-3"):
        yard.keys.create(name)

    def two_of_three(signed: dict[str, Any]) -> None:
        for name in ("models-2", "models-3"):
            public = yard.keys.open(name).public_key
            signed["delegations"]["keys"][public.keyid] = public.to_dict()
            _delegation(signed)["keyids"].append(public.keyid)
        _delegation(signed)["threshold"] = 2

    rewrite(yard, stick, "targets", two_of_three)
    refused(yard, stick, SignatureRefused)
    path = next((stick / "metadata").glob("*.models.json"))
    data = read(path)
    for signers, holds in (
        (["models", "models-3"], True),
        (["models-2", "models-3"], True),
        (["models-2"], False),
        (["models", "software"], False),
    ):
        data["signatures"] = [yard.signature(name, data["signed"]) for name in signers]
        path.write_bytes(compact(data))
        rewrite(yard, stick, "snapshot", lambda _: None)
        if holds:
            assert [one.package_id for one in verify(yard, stick).packages] == ["demo-1"]
        else:
            refused(yard, stick, SignatureRefused)


def _target(name: str) -> Callable[[dict[str, Any]], None]:
    def change(signed: dict[str, Any]) -> None:
        signed["targets"][name] = signed["targets"][CARD]

    return change


@pytest.mark.parametrize(
    "name",
    [
        "models/demo-1/../package.json",
        "models/../../../etc/passwd",
        "models/../1.0/package.json",
        "models/demo-1/1.0/.hidden",
        "/etc/passwd",
        "models/demo\0/1.0/package.json",
        "models/" + "a" * 300 + "/1.0/package.json",
        "models/demo-1/1.0/2.0/package.json",
        "models/demo-1/1.0/manifest.json",
        "models/Demo/1.0/package.json",
        "models/demo 1/1.0/package.json",
        "models/demo-2/1.0/package.json",
        "models/demo-1/1.0/package.json/",
        "models//1.0/package.json",
        "models/demo-\u202e1/1.0/package.json",
        "models/d\u0435mo-1/1.0/package.json",
        "models/demo-1/1.0/p\uff41ckage.json",
        "Models/demo-1/1.0/package.json",
        "software/wardbox/1.0/package.json",
        "",
    ],
)
def test_names_that_lead_elsewhere(yard, stick, name):
    rewrite(yard, stick, "models", _target(name))
    refused(yard, stick, ContentRefused, MetadataRefused)


def _row(signed: dict[str, Any]) -> dict[str, Any]:
    return signed["targets"][CARD]


@pytest.mark.parametrize(
    ("role", "change"),
    [
        ("models", lambda s: _row(s).update(length=-1)),
        ("models", lambda s: _row(s).update(length=True)),
        ("models", lambda s: _row(s).update(length="1")),
        ("models", lambda s: _row(s).update(length=1 << 40)),
        ("models", lambda s: _row(s).update(hashes={})),
        ("models", lambda s: _row(s).update(hashes={"md5": "0" * 32})),
        ("models", lambda s: _row(s).update(hashes={"sha256": "0" * 64})),
        ("models", lambda s: s.update(targets={})),
        ("models", lambda s: s.update(targets=[])),
        ("models", lambda s: s.update(version=0)),
        ("models", lambda s: s.update(version=True)),
        ("models", lambda s: s.update(version=1 << 60)),
        ("models", lambda s: s.update(_type="root")),
        ("models", lambda s: s.update(spec_version="2.0.0")),
        ("models", lambda s: s.update(expires="2099-01-01")),
        ("models", lambda s: s.update(delegations={"keys": {}, "roles": []})),
        ("targets", lambda s: s.pop("delegations")),
        ("targets", lambda s: s["targets"].update({CARD: {"length": 1, "hashes": {}}})),
        ("targets", lambda s: _delegation(s).update(paths=["software/*/*/package.json"])),
        ("targets", lambda s: _delegation(s).update(paths=["*"])),
        ("targets", lambda s: _delegation(s)["paths"].append("software/*/*/package.json")),
        ("targets", lambda s: _delegation(s).update(terminating=False)),
        ("targets", lambda s: _delegation(s).update(path_hash_prefixes=["00"])),
        ("targets", lambda s: _delegation(s).update(name="root")),
        ("targets", lambda s: _delegation(s).update(name="others")),
        ("targets", lambda s: _delegation(s).update(name="mod\u0435ls")),
        ("targets", lambda s: _delegation(s).update(keyids=[])),
        ("targets", lambda s: _delegation(s).update(keyids=["0" * 64])),
        ("targets", lambda s: s["delegations"]["roles"].append(_delegation(s))),
        ("snapshot", lambda s: s["meta"].pop("models.json")),
        ("snapshot", lambda s: s["meta"].pop("targets.json")),
        ("timestamp", lambda s: s.pop("signed_at")),
        ("timestamp", lambda s: s.update(signed_at="soon")),
        ("timestamp", lambda s: s.update(signed_at="2026-19-39T29:59:59Z")),
        ("timestamp", lambda s: s.update(expires="2028-19-39T29:59:59Z")),
        ("timestamp", lambda s: s.update(signed_at="2027-99-99T00:00:00Z")),
        ("timestamp", lambda s: s.update(signed_at="2099-01-01T00:00:00Z")),
        ("timestamp", lambda s: s.update(meta={})),
    ],
)
def test_nonsense_that_is_properly_signed(yard, stick, role, change):
    rewrite(yard, stick, role, change)
    refused(yard, stick)


def test_a_kind_without_content_is_not_asked_for(yard, stick):
    found = verify(yard, stick)
    assert sorted(found.accepted.floor.versions) == [
        "models",
        "root",
        "snapshot",
        "targets",
        "timestamp",
    ]
    assert [(one.kind, one.package_id) for one in found.packages] == [("models", "demo-1")]


def test_a_snapshot_that_lists_what_is_no_kind(yard, stick):
    path = next((stick / "metadata").glob("*.models.json"))
    path.with_name("1.others.json").write_bytes(path.read_bytes())
    rewrite(
        yard,
        stick,
        "snapshot",
        lambda s: s["meta"].update({"others.json": dict(s["meta"]["models.json"])}),
    )
    refused(yard, stick, MetadataRefused)
