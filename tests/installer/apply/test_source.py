"""A staged bundle is judged again by the installer's own trust, whatever the box says of it."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.errors import (
    BundleExpired,
    ContentRefused,
    MetadataRefused,
    NoTrustRoot,
    UpdateError,
)
from appliance.updates.manifest import SOFTWARE, SOFTWARE_ID, Requires
from installer.apply_errors import OtherPackage
from installer.apply_request import Desk
from installer.apply_source import StagedBundles, pin_as_the_box, trust_of
from installer.durable import make_folder
from installer.slots import MANIFEST, Slots
from tests.installer.vendor.yard import NOW, Yard

TREE = {"wardbox": b"#!/bin/sh\n", "appliance/services/version.py": b'VERSION = "2.0"\n'}


class Place:
    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.slots = Slots(folder / "place")
        self.desk = Desk(folder / "updates")
        self.source = StagedBundles(self.desk, self.slots, lambda: self.now)
        make_folder(self.slots.releases)
        make_folder(self.slots.place / "trust")

    def stage(self, bundle: Path) -> tuple[str, str, str]:
        """What a request would say of the release in a bundle."""
        staged = self.desk.staged("ab" * 8)
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(bundle, staged)
        (manifest,) = (staged / "targets/software/wardbox").glob("*/*.package.json")
        return "ab" * 8, manifest.parent.name, manifest.name.partition(".")[0]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path / "vendor").init()
    add(made, tmp_path, "2.0", TREE)
    return made


def add(yard: Yard, folder: Path, version: str, tree: dict[str, bytes]) -> None:
    source = folder / f"tree-{version}"
    for name, content in tree.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    (source / "wardbox").chmod(0o755)
    yard.add_files(SOFTWARE, SOFTWARE_ID, version, source, requires=Requires(("1.0",)))


@pytest.fixture
def place(tmp_path: Path, yard: Yard) -> Place:
    made = Place(tmp_path)
    trust_of(made.slots.place).pin(yard.root, NOW)
    return made


def test_a_release_is_put_together_as_it_was_signed(
    place: Place, yard: Yard, tmp_path: Path
) -> None:
    asked = place.stage(yard.build(tmp_path / "out"))
    offer = place.source.judge(*asked)
    assert offer.follows == ("1.0",)
    tree = offer.assemble(place.slots.unfinished("2.0"))
    found = {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    assert found == TREE
    assert (tree / "wardbox").stat().st_mode & 0o777 == 0o755
    (tree / MANIFEST).write_bytes(offer.manifest)
    place.slots.finish("2.0", tree)
    assert place.slots.holds("2.0", asked[2])
    offer.accept()
    assert trust_of(place.slots.place).anchor().floor.versions["software"] == 1


def test_the_next_release_takes_what_is_here_from_here(
    place: Place, yard: Yard, tmp_path: Path
) -> None:
    first = place.source.judge(*place.stage(yard.build(tmp_path / "one")))
    tree = first.assemble(place.slots.unfinished("2.0"))
    (tree / MANIFEST).write_bytes(first.manifest)
    place.slots.finish("2.0", tree)
    place.slots.adopt(place.slots.release("2.0"))
    first.accept()
    add(yard, tmp_path, "2.1", {**TREE, "more": b"x" * 5000})
    asked = place.stage(yard.build(tmp_path / "two", earlier=tmp_path / "one"))
    tree = place.source.judge(*asked).assemble(place.slots.unfinished("2.1"))
    assert (tree / "appliance/services/version.py").read_bytes() == TREE[
        "appliance/services/version.py"
    ]
    (place.slots.release("2.0") / "wardbox").write_bytes(b"changed since")
    with pytest.raises(UpdateError):
        place.source.judge(*asked).assemble(place.slots.unfinished("2.2"))


def test_nothing_is_believed_without_a_root_of_its_own(tmp_path: Path, yard: Yard) -> None:
    made = Place(tmp_path / "other")
    asked = made.stage(yard.build(tmp_path / "out"))
    with pytest.raises(NoTrustRoot):
        made.source.judge(*asked)
    stranger = Yard(tmp_path / "stranger").init()
    trust_of(made.slots.place).pin(stranger.root, NOW)
    with pytest.raises(UpdateError):
        made.source.judge(*asked)


def test_the_boxs_root_is_taken_over_once_where_they_are_one_user(
    tmp_path: Path, yard: Yard
) -> None:
    made = Place(tmp_path / "other")
    theirs = tmp_path / "theirs" / "root.json"
    for _ in range(2):
        # At each start of a machine; most have never heard of a vendor.
        pin_as_the_box(made.slots.place, theirs, NOW)
        assert not (made.slots.place / "trust/root.json").exists()
        theirs.parent.mkdir(exist_ok=True)
    theirs.write_bytes(yard.root)
    pin_as_the_box(made.slots.place, theirs, NOW)
    stranger = Yard(tmp_path / "stranger").init()
    theirs.write_bytes(stranger.root)
    pin_as_the_box(made.slots.place, theirs, NOW)
    assert (made.slots.place / "trust/root.json").read_bytes() == yard.root


def test_what_was_not_asked_for_is_not_taken(place: Place, yard: Yard, tmp_path: Path) -> None:
    bundle, version, package = place.stage(yard.build(tmp_path / "out"))
    for asked in ((bundle, "2.1", package), (bundle, version, "0" * 64)):
        with pytest.raises(OtherPackage):
            place.source.judge(*asked)


def test_a_staged_bundle_that_was_changed_is_refused(
    place: Place, yard: Yard, tmp_path: Path
) -> None:
    asked = place.stage(yard.build(tmp_path / "out"))
    staged = place.desk.staged(asked[0])
    for path in sorted(staged.rglob("*")):
        if not path.is_file() or path.name == "1.root.json":
            continue
        kept = path.read_bytes()
        path.write_bytes(kept[:-2] + bytes([kept[-2] ^ 1]) + kept[-1:])
        with pytest.raises((UpdateError, ContentRefused)):
            place.source.judge(*asked).assemble(place.slots.unfinished("2.0"))
        shutil.rmtree(place.slots.releases)
        place.slots.releases.mkdir()
        path.write_bytes(kept)
    place.source.judge(*asked)


def test_a_bundle_that_is_too_old_is_refused_here_too(
    place: Place, yard: Yard, tmp_path: Path
) -> None:
    asked = place.stage(yard.build(tmp_path / "out"))
    place.now = NOW + timedelta(days=500)
    with pytest.raises(BundleExpired):
        place.source.judge(*asked)


def test_links_in_the_staging_lead_nowhere(place: Place, yard: Yard, tmp_path: Path) -> None:
    asked = place.stage(yard.build(tmp_path / "out"))
    staged = place.desk.staged(asked[0])
    chunks = staged / "chunks"
    chunks.rename(tmp_path / "elsewhere")
    chunks.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UpdateError):
        place.source.judge(*asked).assemble(place.slots.unfinished("2.0"))
    metadata = staged / "metadata" / "timestamp.json"
    data = json.loads(metadata.read_bytes())
    data["signed"]["version"] += 1
    metadata.write_text(json.dumps(data))
    with pytest.raises(MetadataRefused):
        place.source.judge(*asked)
