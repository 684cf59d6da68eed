"""The catalogue: nothing goes on the shelf or off it without a record."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.catalogue.errors import DefaultModelKept
from appliance.catalogue.service import CatalogueService
from appliance.errors import AuditUnavailable
from models.errors import ModelDamaged, ModelsError, ModelUnknown
from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.appliance.access.doubles import RememberingAudit
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card


@pytest.fixture
def audit():
    return RememberingAudit()


@pytest.fixture
def catalogue(tmp_path: Path, audit):
    signer = SigningKey.generate()
    clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
    shelf = Shelf(tmp_path / "shelf", clock=clock, trusted={signer.key_id: signer.verify_key})
    return CatalogueService(shelf, signer, audit, "wardbox-reference")


@pytest.fixture
def model(tmp_path: Path):
    path = tmp_path / "demo.gguf"
    path.write_bytes(gguf_bytes())
    return path


def test_admitted_verified_removed(catalogue, model, audit):
    manifest = catalogue.admit(model, make_card(), "user:li")
    assert catalogue.get("demo-1").manifest == manifest
    catalogue.verify("demo-1", "user:li")
    catalogue.remove("demo-1", "user:li")
    assert catalogue.models() == ()
    assert audit.tags() == ["model:shelf:admit", "model:shelf:verify", "model:shelf:remove"]
    assert {event.details["digest"] for event in audit.events} == {manifest.digest}


def test_the_same_model_twice_is_recorded_once(catalogue, model, audit):
    catalogue.admit(model, make_card(), "x")
    catalogue.admit(model, make_card(), "x")
    assert audit.tags() == ["model:shelf:admit"]


def test_no_record_no_model(catalogue, model, audit):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        catalogue.admit(model, make_card(), "x")
    assert catalogue.models() == ()


def test_no_record_no_removal(catalogue, model, audit):
    catalogue.admit(model, make_card(), "x")
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        catalogue.remove("demo-1", "x")
    assert len(catalogue.models()) == 1


def test_damage_is_found_and_recorded(catalogue, model, audit):
    catalogue.admit(model, make_card(), "x")
    path = catalogue.get("demo-1").path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(ModelDamaged):
        catalogue.verify("demo-1")
    assert audit.events[-1].details["ok"] is False


def test_the_default_model_stays(catalogue, model):
    catalogue.admit(model, make_card(id="wardbox-reference"), "x")
    assert catalogue.default() == "wardbox-reference"
    with pytest.raises(DefaultModelKept):
        catalogue.remove("wardbox-reference", "x")


@pytest.mark.parametrize("name", ["absent", "../../etc", "", "\x00"])
def test_unknown_models(catalogue, name, audit):
    for ask in (catalogue.get, catalogue.verify, lambda one: catalogue.remove(one, "x")):
        with pytest.raises(ModelUnknown):
            ask(name)
    assert audit.events == []


def test_the_reference_model_is_placed_once(catalogue, model, tmp_path, audit):
    folder = tmp_path / "reference_model"
    folder.mkdir()
    assert catalogue.place_reference(folder) is None
    (folder / "wardbox-reference.gguf").write_bytes(model.read_bytes())
    (folder / "card.json").write_bytes(make_card(id="wardbox-reference").to_bytes())
    first = catalogue.place_reference(folder)
    assert catalogue.place_reference(folder) == first
    assert audit.tags() == ["model:shelf:admit"]
    assert audit.events[0].actor == "box"


def test_hostile_files_never_reach_the_shelf(catalogue, tmp_path, audit):
    bad = tmp_path / "bad.gguf"
    for content in (b"", b"GGUF", b"\x80\x04cos\nsystem\n", gguf_bytes()[:40]):
        bad.write_bytes(content)
        with pytest.raises(ModelsError):
            catalogue.admit(bad, make_card(), "x")
    assert audit.events == []
    assert catalogue.models() == ()
