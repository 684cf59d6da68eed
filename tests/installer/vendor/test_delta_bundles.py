"""Bundles of every kind of package, reproducible, and as deltas to an earlier one."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.anchor import new_anchor
from appliance.updates.chunks import ChunkReader
from appliance.updates.content import check_content, read_card
from appliance.updates.errors import BaseMissing
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import Database, Package, Requires
from appliance.updates.staging import Staging
from appliance.updates.verify import verify_metadata
from installer.vendor.errors import (
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorKeyUnusable,
    VendorPackageRefused,
)
from installer.vendor.warehouse import Warehouse
from models.formats.inspect import require_model
from tests.installer.vendor.test_vendor import files_of
from tests.installer.vendor.weights import bf16, moved, safetensors_of, weights
from tests.installer.vendor.yard import NOW, Yard
from tests.models.registry.cards import make_card

LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("ceremony") / "vendor").init()


@pytest.fixture
def yard(ceremony: Yard, tmp_path: Path) -> Yard:
    return ceremony.copied(tmp_path / "vendor")


def judged(yard: Yard, bundle: Path, now=LATER) -> dict[str, Package]:
    with Stick(bundle) as stick:
        found = verify_metadata(stick, new_anchor(yard.root), now)
        check_content(stick, found.packages)
    return {package.kind: package for package in found.packages}


def installed(bundle: Path, package: Package, into: Path, held: Holdings) -> dict[str, bytes]:
    """What a box has after it applied a package."""
    staging = Staging(into.with_name(f"{into.name}-staging"), "0" * 16, held)
    staging.prepare([package])
    with Stick(bundle) as stick:
        staging.take(stick, [package])
    staging.assemble(package, into)
    return files_of(into)


def tree(folder: Path, version: str = "1") -> Path:
    (folder / "wardbox" / "lib").mkdir(parents=True)
    (folder / "wardbox" / "__init__.py").write_text("")
    (folder / "wardbox" / "main.py").write_text(f"VERSION = {version!r}\n")
    (folder / "wardbox" / "lib" / "libx-1.0+cpu.so.2").write_bytes(os.urandom(300_000))
    (folder / "wardbox" / "__pycache__").mkdir()
    (folder / "wardbox" / "__pycache__" / "main.pyc").write_bytes(b"x")
    (folder / ".hidden").write_text("of this machine")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    return folder


def fine_tuned(yard: Yard, version: str, content: bytes) -> None:
    folder = yard.folder.parent / f"hf-{version}"
    folder.mkdir()
    path = folder / f"model-{version}.safetensors"
    path.write_bytes(content)
    told = require_model(path)
    card = make_card(
        id="tuned",
        version=version,
        architecture=told.architecture or "llama",
        parameters=told.parameters,
        quantisation=told.quantisation,
        context=0,
    )
    (folder / "card.json").write_bytes(card.to_bytes())
    Warehouse(yard.folder).add(path, folder / "card.json")


def test_every_kind_travels_in_one_bundle(yard, tmp_path):
    yard.add()
    source = tree(tmp_path / "tree")
    yard.add_files("software", "wardbox", "1.2.0", source, database=Database(7, 60))
    (tmp_path / "codes.csv").write_text("I10,hypertension\n")
    for kind in ("evaluations", "baselines", "data"):
        yard.add_files(kind, f"{kind}-1", "2026.11", tmp_path / "codes.csv")
    yard.add_files(
        "data",
        "licensed",
        "1",
        tmp_path / "codes.csv",
        requires=Requires(("1.2.0",), ("cpu",), "b/1"),
    )
    bundle = yard.build(tmp_path / "out")
    found = judged(yard, bundle)
    assert sorted(found) == ["baselines", "data", "evaluations", "models", "software"]
    made = installed(bundle, found["software"], tmp_path / "release", Holdings.none())
    wanted = {
        f"release/{name}": raw
        for name, raw in files_of(source).items()
        if "__pycache__" not in name and not name.startswith(".")
    }
    assert made == wanted
    assert os.access(tmp_path / "release" / "release" / "run", os.X_OK)
    assert not os.access(tmp_path / "release" / "release" / "wardbox" / "main.py", os.X_OK)
    assert found["software"].database == Database(7, 60)
    with Stick(bundle) as stick:
        assert read_card(stick, found["models"], Holdings.none()).id == "demo-1"


def test_the_same_input_gives_the_same_bytes_with_deltas_too(yard, tmp_path):
    base = weights(1, 40_000)
    fine_tuned(yard, "1", safetensors_of({"w": bf16(base)}, "BF16"))
    old = yard.build(tmp_path / "old")
    fine_tuned(yard, "2", safetensors_of({"w": bf16(moved(base, 2, 1e-5))}, "BF16"))
    one = files_of(yard.build(tmp_path / "one", LATER, earlier=old))
    assert files_of(yard.build(tmp_path / "two", LATER, earlier=old)) == one


def test_a_model_that_was_trained_further_is_small_and_comes_out_the_same(yard, tmp_path):
    base = weights(1, 400_000)
    fine_tuned(yard, "1", safetensors_of({"a": bf16(base), "b": bf16(base[:1000])}, "BF16"))
    old = yard.build(tmp_path / "old")
    new = safetensors_of(
        {"a": bf16(moved(base, 2, 1e-5)), "b": bf16(base[:1000])}, "BF16", note="trained further"
    )
    fine_tuned(yard, "2", new)
    bundle = yard.build(tmp_path / "new", LATER, earlier=old)
    package = judged(yard, bundle)["models"]
    assert package.shipped <= 0.15 * package.size
    assert "delta" in {blob.form for blob in package.blobs()}
    with Stick(bundle) as stick:
        pieces = ChunkReader(stick, Holdings.none()).pieces(package, package.files[1])
        with pytest.raises(BaseMissing):
            b"".join(pieces)
    before = judged(yard, old)["models"]
    installed(old, before, tmp_path / "v1", Holdings.none())
    held = Holdings.of([(before, tmp_path / "v1")])
    made = installed(bundle, package, tmp_path / "v2", held)
    assert made["files/model-2.safetensors"] == new


def test_nothing_is_shipped_twice(yard, tmp_path):
    yard.add()
    yard.add_files("software", "wardbox", "1", tree(tmp_path / "tree"))
    old = yard.build(tmp_path / "old")
    again = yard.build(tmp_path / "again", LATER, earlier=old)
    assert not (again / "chunks").exists()
    found = judged(yard, again)
    assert {kind: package.content for kind, package in found.items()} == {
        kind: package.content for kind, package in judged(yard, old).items()
    }
    assert {package.shipped for package in found.values()} == {0}


def test_only_what_changed_in_a_release_is_shipped(yard, tmp_path):
    source = tree(tmp_path / "tree")
    yard.add_files("software", "wardbox", "1", source)
    old = yard.build(tmp_path / "old")
    (source / "wardbox" / "main.py").write_text("VERSION = '2'\n")
    yard.add_files("software", "wardbox", "2", source)
    bundle = yard.build(tmp_path / "new", LATER, earlier=old)
    package = judged(yard, bundle)["software"]
    assert (package.version, package.shipped) == ("2", len("VERSION = '2'\n"))
    before = judged(yard, old)["software"]
    installed(old, before, tmp_path / "v1", Holdings.none())
    made = installed(bundle, package, tmp_path / "v2", Holdings.of([(before, tmp_path / "v1")]))
    assert made["release/wardbox/main.py"] == b"VERSION = '2'\n"
    assert len(made) == 4


def test_deltas_start_from_the_bundle_when_the_warehouse_forgot(yard, tmp_path):
    base = weights(1, 40_000)
    fine_tuned(yard, "1", safetensors_of({"w": bf16(base)}, "BF16"))
    old = yard.build(tmp_path / "old")
    shutil.rmtree(yard.folder / "stock" / "models" / "tuned" / "1" / "content")
    fine_tuned(yard, "2", safetensors_of({"w": bf16(moved(base, 2, 1e-5))}, "BF16"))
    package = judged(yard, yard.build(tmp_path / "new", LATER, earlier=old))["models"]
    assert "delta" in {blob.form for blob in package.blobs()}
    shutil.rmtree(old / "chunks")
    package = judged(yard, yard.build(tmp_path / "third", LATER, earlier=old))["models"]
    assert "delta" not in {blob.form for blob in package.blobs()}, "whole, then"


def test_an_earlier_bundle_that_is_none(yard, tmp_path):
    yard.add()
    (tmp_path / "empty").mkdir()
    with pytest.raises(VendorFolderUnusable):
        yard.build(tmp_path / "out", earlier=tmp_path / "empty")
    old = yard.build(tmp_path / "old")
    (manifest,) = old.glob("targets/*/*/*/*.json")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(VendorFolderUnusable):
        yard.build(tmp_path / "out", earlier=old)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_failed_build_leaves_the_folder_empty(yard, tmp_path):
    yard.add()
    (tmp_path / "out").mkdir()
    key = yard.folder / "keys" / "timestamp.key.json"
    key.write_bytes(key.read_bytes()[:100])
    with pytest.raises(VendorKeyUnusable):
        yard.build(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_stock_that_was_changed_is_not_signed_for(yard, tmp_path):
    yard.add_files("software", "wardbox", "1", tree(tmp_path / "tree"))
    path = yard.folder / "stock" / "software" / "wardbox" / "1" / "content" / "release" / "run"
    path.write_text("#!/bin/bash\n")
    with pytest.raises(VendorFolderUnusable, match="it was changed"):
        yard.build(tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "name", "version"),
    [
        ("data", "Upper", "1"),
        ("data", "x", "1/2"),
        ("data", "x", ""),
        ("software", "other", "1"),
        ("firmware", "x", "1"),
    ],
)
def test_what_no_box_would_read_is_not_added(yard, tmp_path, kind, name, version):
    with pytest.raises(VendorPackageRefused):
        yard.add_files(kind, name, version, tree(tmp_path / "tree"))
    assert Warehouse(yard.folder).stock() == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "evil.pth").write_text("import os"),
        lambda folder: (folder / "wardbox" / "sitecustomize.py").write_text(""),
        lambda folder: (folder / "link").symlink_to("/etc"),
        lambda folder: (folder / "file").symlink_to("run"),
        lambda folder: os.mkfifo(folder / "fifo"),
        lambda folder: (folder / "Run").write_text("x"),
        lambda folder: (folder / "a b").write_text("x"),
    ],
)
def test_trees_that_may_not_be_released(yard, tmp_path, spoil):
    source = tree(tmp_path / "tree")
    spoil(source)
    with pytest.raises(VendorPackageRefused):
        yard.add_files("software", "wardbox", "1", source)
    assert Warehouse(yard.folder).stock() == ()


def test_one_version_has_one_content_of_any_kind(yard, tmp_path):
    source = tree(tmp_path / "tree")
    yard.add_files("software", "wardbox", "1", source)
    yard.add_files("software", "wardbox", "1", source)
    (source / "run").write_text("#!/bin/bash\n")
    with pytest.raises(VendorFolderTaken):
        yard.add_files("software", "wardbox", "1", source)
    yard.add_files("software", "wardbox", "2", source)
    yard.add_files("software", "wardbox", "2", source)
    assert [one.package.version for one in Warehouse(yard.folder).stock()] == ["2"]
