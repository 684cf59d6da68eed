"""Mix and match: parts of other bundles, other kinds, other vendors and other chains of roots."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.formats import encode_canonical

from appliance.updates.anchor import Anchor, new_anchor
from appliance.updates.errors import (
    BundleRolledBack,
    ContentRefused,
    MetadataRefused,
    SignatureRefused,
    UpdateError,
)
from appliance.updates.fetcher import Stick
from appliance.updates.shape import compact
from appliance.updates.verify import Verified, verify_metadata
from tests.appliance.updates.sticks import metadata
from tests.installer.vendor.yard import NOW, Yard, read, rewrite

KINDS = ("models", "data", "baselines")
ROLES = ("timestamp", "snapshot", "targets", *KINDS)
LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def wide_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vendor with three kinds of content, a bundle, and a newer one in which each has changed."""
    folder = tmp_path_factory.mktemp("wide")
    yard = Yard(folder / "vendor").init()
    for turn, version in (("old", "1.0"), ("new", "1.1")):
        yard.add(version=version)
        for kind in ("data", "baselines"):
            source = folder / f"{kind}-{version}"
            source.mkdir()
            (source / "rows.txt").write_text(f"{kind} {version}")
            yard.add_files(kind, "pack-1", version, source)
        yard.build(folder / turn, NOW if turn == "old" else LATER)
    return folder


@pytest.fixture
def yard(wide_shop: Path, tmp_path: Path) -> Yard:
    shutil.copytree(wide_shop / "vendor", tmp_path / "vendor")
    return Yard(tmp_path / "vendor")


@pytest.fixture
def old(wide_shop: Path, tmp_path: Path) -> Path:
    shutil.copytree(wide_shop / "old", tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def new(wide_shop: Path, tmp_path: Path) -> Path:
    shutil.copytree(wide_shop / "new", tmp_path / "new")
    return tmp_path / "new"


def judge(stick: Path, anchor: Anchor) -> Verified:
    with Stick(stick) as held:
        return verify_metadata(held, anchor, LATER)


def test_every_kind_is_judged_and_remembered(yard, new):
    found = judge(new, new_anchor(yard.root))
    assert {(one.kind, one.version) for one in found.packages} == {(kind, "1.1") for kind in KINDS}
    assert {*ROLES, "root"} == set(found.accepted.floor.versions)
    assert {f"{role}.json" for role in ROLES} < set(found.accepted.held)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", *KINDS])
@pytest.mark.parametrize("seen", [False, True])
def test_an_old_part_in_a_new_bundle(yard, old, new, role, seen):
    """Under its own name, and in the place of the new one; on a new box, and on one that knows."""
    anchor = new_anchor(yard.root)
    if seen:
        anchor = judge(new, anchor).accepted
    place = metadata(new, role)
    shutil.copy(metadata(old, role), place)
    with pytest.raises(UpdateError):
        judge(new, anchor)


def test_the_old_snapshot_with_new_roles_properly_stamped(yard, old, new):
    """Whoever stole the timestamp's key puts old and new together; a box that knows the new refuses."""
    anchor = judge(new, new_anchor(yard.root)).accepted
    shutil.copy(metadata(old, "snapshot"), new / "metadata")
    data = read(metadata(old, "timestamp"))
    data["signed"]["version"] = 9
    data["signatures"] = [yard.signature("timestamp", data["signed"])]
    metadata(new, "timestamp").write_bytes(compact(data))
    with pytest.raises(BundleRolledBack):
        judge(new, anchor)


@pytest.mark.parametrize(("one", "other"), [("data", "baselines"), ("models", "data")])
def test_the_metadata_of_one_kind_under_the_name_of_another(yard, new, one, other):
    shutil.copy(metadata(new, one), metadata(new, other))
    rewrite(yard, new, "snapshot", lambda _: None)
    with pytest.raises(SignatureRefused):
        judge(new, new_anchor(yard.root))


def test_a_manifest_of_another_kind_or_version(yard, new):
    """Signed as it lies: the digest is right, what the manifest says of itself is not."""
    for kind, version in (("baselines", "1.1"), ("data", "2.0")):
        (found,) = (new / "targets" / "data" / "pack-1" / "1.1").iterdir()
        path = f"{kind}/pack-1/{version}/package.json"
        place = new / "targets" / Path(path).parent / found.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, place)

        row = {"length": found.stat().st_size, "hashes": {"sha256": found.name.split(".")[0]}}

        def swap(signed: dict[str, Any], path: str = path, row: dict[str, Any] = row) -> None:
            signed["targets"] = {path: row}

        before = {one: one.read_bytes() for one in (new / "metadata").iterdir()}
        rewrite(yard, new, kind, swap)
        with pytest.raises(ContentRefused):
            judge(new, new_anchor(yard.root))
        for one, raw in before.items():
            one.write_bytes(raw)


def test_parts_of_another_vendor(yard, new, tmp_path):
    """Every file of another vendor, one by one and all but the root."""
    other = Yard(tmp_path / "other").init()
    other.add(version="1.1")
    theirs = other.build(tmp_path / "theirs", LATER)
    anchor = new_anchor(yard.root)
    whole = {path: path.read_bytes() for path in (new / "metadata").iterdir()}
    for role in ("timestamp", "snapshot", "targets", "models"):
        shutil.copy(metadata(theirs, role), metadata(new, role))
        with pytest.raises(UpdateError):
            judge(new, anchor)
        metadata(new, role).write_bytes(whole[metadata(new, role)])
    for role in ("timestamp", "snapshot", "targets", "models"):
        shutil.copy(metadata(theirs, role), new / "metadata")
    with pytest.raises(SignatureRefused):
        judge(new, anchor)


def _root(yard: Yard, signers: tuple[str, ...], change: Callable[[dict[str, Any]], None]) -> bytes:
    data = json.loads(yard.root)
    data["signed"]["version"] = 2
    change(data["signed"])
    data["signatures"] = [yard.signature(name, data["signed"]) for name in signers]
    return compact(data)


def _taken_over(yard: Yard) -> Callable[[dict[str, Any]], None]:
    """The thief of one key replaces the others by his own."""
    keys = [yard.keys.create(f"thief-{number}").public_key for number in (1, 2)]

    def change(signed: dict[str, Any]) -> None:
        own = signed["roles"]["root"]["keyids"][:1]
        signed["roles"]["root"]["keyids"] = own + [key.keyid for key in keys]
        signed["keys"] |= {key.keyid: key.to_dict() for key in keys}

    return change


ATTACKS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], None] | None]] = {
    "one key takes the root over": (("root-1", "thief-1", "thief-2"), None),
    "a threshold of one, signed by one": (
        ("root-1",),
        lambda s: s["roles"]["root"].update(threshold=1),
    ),
    "the keys of other roles": (("root-1", "targets", "snapshot"), lambda _: None),
    "a version left out": (("root-1", "root-2"), lambda s: s.update(version=3)),
    "the same version": (("root-1", "root-2"), lambda s: s.update(version=1)),
    "no consistent snapshots": (
        ("root-1", "root-2"),
        lambda s: s.update(consistent_snapshot=False),
    ),
    "a role more": (
        ("root-1", "root-2"),
        lambda s: s["roles"].update(mirrors=s["roles"]["snapshot"]),
    ),
    "one key for two roles": (
        ("root-1", "root-2"),
        lambda s: s["roles"]["snapshot"].update(keyids=s["roles"]["timestamp"]["keyids"]),
    ),
    "expired": (("root-1", "root-2"), lambda s: s.update(expires="2027-01-01T00:00:00Z")),
    "no root at all": (("root-1", "root-2"), lambda s: s.update(_type="targets")),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_next_root_that_nobody_may_follow(yard, new, name):
    signers, change = ATTACKS[name]
    raw = _root(yard, signers, change or _taken_over(yard))
    (new / "metadata" / "2.root.json").write_bytes(raw)
    with pytest.raises(UpdateError):
        judge(new, new_anchor(yard.root))


def test_a_chain_of_roots_without_an_end_is_not_followed_for_ever(yard, new, monkeypatch):
    signers = [yard.keys.open(name) for name in ("root-1", "root-2")]
    data = json.loads(yard.root)
    for version in range(2, 120):
        data["signed"]["version"] = version
        payload = encode_canonical(data["signed"]).encode()
        data["signatures"] = [signer.sign(payload).to_dict() for signer in signers]
        (new / "metadata" / f"{version}.root.json").write_bytes(compact(data))
    asked = []
    whole = Stick.open
    monkeypatch.setattr(Stick, "open", lambda *words: asked.append(words[1]) or whole(*words))
    assert judge(new, new_anchor(yard.root)).accepted.floor.versions["root"] == 65
    assert "metadata/67.root.json" not in asked


@pytest.mark.parametrize("step", [401, pytest.param(1, marks=pytest.mark.slow)])
def test_a_single_byte_of_any_role_of_any_kind(yard, new, step):
    """With two roots on the stick, so that the bytes of the chain count too."""
    (new / "metadata" / "2.root.json").write_bytes(
        _root(yard, ("root-1", "root-2", "root-3"), lambda _: None)
    )
    fresh = new_anchor(yard.root)
    accepted = []
    for path in sorted((new / "metadata").iterdir()):
        raw = path.read_bytes()
        for at in range(0, len(raw), step):
            changed = bytearray(raw)
            changed[at] ^= 1 << (at % 8)
            path.write_bytes(changed)
            with suppress(UpdateError):
                judge(new, fresh)
                accepted.append((path.name, at))
        path.write_bytes(raw)
    assert accepted == []
    assert judge(new, fresh).packages


def test_unread_garbage_beside_the_metadata_does_no_harm(yard, new):
    """Files that no signature reaches are not opened."""
    for name in ("3.snapshot.json", "mirrors.json", "root.json", "..json", "\u202e.json"):
        (new / "metadata" / name).write_bytes(b"{")
    (new / "metadata" / "2.targets.json.part").mkdir()
    assert judge(new, new_anchor(yard.root)).packages


def test_metadata_that_is_missing_is_named(yard, new):
    metadata(new, "baselines").unlink()
    with pytest.raises(MetadataRefused, match="baselines"):
        judge(new, new_anchor(yard.root))
