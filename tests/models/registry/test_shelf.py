"""The shelf: admission, tampering, interruption, concurrency, full disks."""

import errno
import json
import os
import threading
from pathlib import Path

import pytest

from models.card import ModelCard
from models.errors import (
    CardMalformed,
    CardMismatch,
    ManifestMalformed,
    ManifestUntrusted,
    ModelDamaged,
    ModelExists,
    ModelUnknown,
    ShelfFull,
)
from models.formats.refusals import CodeCarrier, GgufMalformed
from models.registry import intake
from models.registry.manifest import Manifest, safe_name, verify_manifest
from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.models.formats.build import gguf_bytes, safetensors_bytes
from tests.models.registry.cards import NOW, make_card


@pytest.fixture
def signer() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "demo.gguf"
    path.write_bytes(gguf_bytes())
    return path


@pytest.fixture
def shelf(tmp_path: Path, signer: SigningKey) -> Shelf:
    trusted = {signer.verify_key.key_id: signer.verify_key}
    return Shelf(tmp_path / "shelf", clock=lambda: NOW, trusted=trusted)


def test_a_model_is_admitted_and_served(shelf, source, signer) -> None:
    manifest = shelf.admit(source, make_card(), signer)
    there = shelf.get("demo-1")
    assert there.path.read_bytes() == source.read_bytes()
    assert there.manifest == manifest == shelf.verify("demo-1")
    assert manifest.created == "2026-11-21T08:00:00Z"
    assert there.card == make_card()
    assert [model.card.id for model in shelf.list()] == ["demo-1"]
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    verify_manifest(manifest, {signer.verify_key.key_id: signer.verify_key})


def test_the_same_again_is_the_same_and_another_is_refused(shelf, source, signer) -> None:
    first = shelf.admit(source, make_card(), signer)
    assert shelf.admit(source, make_card(), signer) == first
    with pytest.raises(ModelExists):
        shelf.admit(source, make_card(version="2.0"), signer)
    second = shelf.admit(source, make_card(id="demo-2"), signer)
    assert second.files == first.files
    blobs = list((shelf._root / "blobs").iterdir())
    assert len(blobs) == 1
    assert blobs[0].stat().st_nlink == 3


def test_removal_frees_only_what_nobody_uses(shelf, source, signer) -> None:
    shelf.admit(source, make_card(), signer)
    shelf.admit(source, make_card(id="demo-2"), signer)
    shelf.remove("demo-1")
    assert shelf.verify("demo-2")
    shelf.remove("demo-2")
    assert list((shelf._root / "blobs").iterdir()) == []
    assert shelf.list() == ()
    for name in ("demo-1", "../x", "", "a" * 99, "UPPER"):
        with pytest.raises(ModelUnknown):
            shelf.get(name)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "qwen3"},
        {"parameters": 64},
        {"quantisation": "Q8_0"},
    ],
)
def test_a_card_must_match_its_file(shelf, source, signer, change) -> None:
    with pytest.raises(CardMismatch):
        shelf.admit(source, make_card(**change), signer)
    assert shelf.list() == ()


def test_refused_files_leave_nothing(shelf, tmp_path, signer) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(gguf_bytes()[:-3])
    with pytest.raises(GgufMalformed):
        shelf.admit(bad, make_card(), signer)
    bad.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(CodeCarrier):
        shelf.admit(bad, make_card(), signer)
    assert list((shelf._root / "tmp").iterdir()) == []
    assert list((shelf._root / "blobs").iterdir()) == []


def test_a_stranger_cannot_sign(shelf, source) -> None:
    with pytest.raises(ManifestUntrusted):
        shelf.admit(source, make_card(), SigningKey.generate())


def _writable(path: Path) -> Path:
    path.chmod(0o640)
    return path


def test_every_tampering_is_found(shelf, source, signer) -> None:
    shelf.admit(source, make_card(), signer)
    model = shelf.get("demo-1")
    folder = model.path.parent.parent
    weights = _writable(model.path)
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"\x01")
    assert shelf.get("demo-1")
    with pytest.raises(ModelDamaged):
        shelf.verify("demo-1")
    weights.write_bytes(whole[:-1])
    with pytest.raises(ModelDamaged):
        shelf.get("demo-1")
    weights.write_bytes(whole)
    card = folder / "card.json"
    text = card.read_bytes()
    card.write_bytes(text.replace(b"Apache", b"Apachf"))
    with pytest.raises(ManifestMalformed):
        shelf.get("demo-1")
    card.write_bytes(text)
    manifest = folder / "manifest.json"
    document = json.loads(manifest.read_bytes())
    document["version"] = "9.9"
    manifest.write_bytes(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    with pytest.raises(ManifestUntrusted):
        shelf.get("demo-1")
    assert shelf.list() == ()
    for lost in (manifest, card):
        lost.unlink()
        with pytest.raises(ModelDamaged):
            shelf.get("demo-1")


def test_a_disk_that_gives_an_error_tells_damage(shelf, source, signer, monkeypatch) -> None:
    shelf.admit(source, make_card(), signer)

    def rotten(_: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("models.registry.package.digest_of", rotten)
    with pytest.raises(ModelDamaged, match="cannot be read"):
        shelf.verify("demo-1")


def test_every_byte_of_a_manifest_counts(shelf, source, signer) -> None:
    raw = shelf.admit(source, make_card(), signer).to_bytes()
    trusted = {signer.verify_key.key_id: signer.verify_key}
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises((ManifestMalformed, ManifestUntrusted)):
            verify_manifest(Manifest.from_bytes(changed), trusted)


def test_a_vendor_package_is_taken_as_signed(shelf, source, signer, tmp_path) -> None:
    shelf.admit(source, make_card(), signer)
    package = tmp_path / "package"
    package.mkdir()
    model = shelf.get("demo-1")
    for name in ("card.json", "manifest.json"):
        (package / name).write_bytes((model.path.parent.parent / name).read_bytes())
    (package / "demo.gguf").write_bytes(source.read_bytes())
    (package / "sitecustomize.py").write_text("raise SystemExit")
    trusted = {signer.verify_key.key_id: signer.verify_key}
    other = Shelf(tmp_path / "other", clock=lambda: NOW, trusted=trusted)
    assert other.admit_signed(package) == model.manifest
    assert not list((tmp_path / "other").rglob("*.py"))
    other.remove("demo-1")
    (package / "demo.gguf").write_bytes(gguf_bytes(fill=b"\x01"))
    with pytest.raises(ModelDamaged):
        other.admit_signed(package)
    stranger = Shelf(tmp_path / "third", clock=lambda: NOW, trusted={})
    with pytest.raises(ManifestUntrusted):
        stranger.admit_signed(package)


def test_leftovers_of_an_interruption_are_swept(shelf, source, signer, monkeypatch) -> None:
    real = Path.rename

    def cut(self: Path, target: Path) -> Path:
        if self.name == "model":
            os.kill(os.getpid(), 0)
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        shelf.admit(source, make_card(), signer)
    monkeypatch.undo()
    left = shelf._root / "tmp" / "left"
    left.mkdir()
    (left / "half.gguf").write_bytes(b"GG")
    again = Shelf(shelf._root, clock=lambda: NOW, trusted=shelf._trusted)
    assert list((shelf._root / "tmp").iterdir()) == []
    assert list((shelf._root / "blobs").iterdir()) == []
    assert again.list() == ()
    assert again.admit(source, make_card(), signer)


def test_a_full_disk_is_a_sentence(shelf, source, signer, monkeypatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(intake.os, "write", full)
    with pytest.raises(ShelfFull) as caught:
        shelf.admit(source, make_card(), signer)
    assert "磁盘空间不足" in str(caught.value)
    monkeypatch.undo()
    assert list((shelf._root / "tmp").iterdir()) == []
    monkeypatch.setattr(intake.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(ShelfFull):
        shelf.admit(source, make_card(), signer)


def test_many_at_once_agree(shelf, source, signer) -> None:
    found: list[object] = []

    def admit(number: int) -> None:
        try:
            found.append(shelf.admit(source, make_card(version=f"{number % 2}"), signer))
        except ModelExists as error:
            found.append(error)

    threads = [threading.Thread(target=admit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = shelf.verify("demo-1")
    assert sum(isinstance(item, ModelExists) for item in found) == 4
    assert all(item == kept for item in found if isinstance(item, Manifest))


def test_a_folder_model_keeps_its_names(shelf, tmp_path, signer) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors_bytes())
    (folder / "config.json").write_text(
        json.dumps({"model_type": "qwen3", "num_hidden_layers": 2, "hidden_size": 8})
    )
    card = make_card(architecture="qwen3", parameters=16)
    manifest = shelf.admit(folder, card, signer)
    assert manifest.kind == "folder"
    assert (shelf.get("demo-1").path / "config.json").is_file()
    assert shelf.verify("demo-1")


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a\\b", "", ".", "a\n", "./a", "a//b"])
def test_names_stay_inside(name: str) -> None:
    assert not safe_name(name)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "../x"}, "id"),
        ({"parameters": True}, "parameters"),
        ({"parameters": -1}, "parameters"),
        ({"extra": 1}, "card"),
        ({"name": {"zh": "名"}}, "name"),
        ({"languages": []}, "languages"),
        ({"licence": "\x1b[31m"}, "licence"),
        ({"evaluations": [{"suite": "x"}]}, "date"),
        ({"version": None}, "version"),
    ],
)
def test_a_card_is_strict(change: dict, field: str) -> None:
    wire = {**make_card().to_json(), **change}
    with pytest.raises(CardMalformed) as caught:
        ModelCard.from_bytes(json.dumps(wire).encode())
    assert field in str(caught.value)


def test_a_card_survives_the_wire() -> None:
    card = make_card(filing_number="网信算备310000000000001", base_model=None)
    assert ModelCard.from_bytes(card.to_bytes()) == card
    with pytest.raises(CardMalformed):
        ModelCard.from_bytes(b'{"id":"a","id":"b"}')
    with pytest.raises(CardMalformed):
        ModelCard.from_bytes(b"[" * 100_000)
