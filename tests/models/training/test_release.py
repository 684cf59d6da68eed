"""A package that is signed once: whole it is accepted, touched it is refused."""

from datetime import UTC, datetime

import pytest

from models.card import Bilingual, ModelCard
from models.errors import CardMismatch, ManifestUntrusted
from models.registry.shelf import Shelf
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.release import KEY, MANIFEST, check_package, sign_once
from secure_compute.note import NoteKey

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def gguf(recipe, tokenizer, tmp_path):
    end, padding = cutting.end_and_padding(tokenizer)
    save_model(decoders.build(recipe.shape, seed=1, eos=end, pad=padding), tmp_path / "model")
    cutting.save(tokenizer, tmp_path / "model")
    (tmp_path / "package").mkdir()
    return write_gguf(tmp_path / "model", tmp_path / "package" / "tiny.gguf", name="tiny")


def card(parameters):
    text = Bilingual("试", "test")
    return ModelCard(
        "tiny", text, "1", "qwen3", parameters, 128, "Q8_0", "Apache-2.0", text, text, text, ("zh",)
    )


@pytest.fixture
def parameters(recipe):
    model = decoders.build(recipe.shape, seed=1, eos=1, pad=0)
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_shelf_takes_the_package(gguf, parameters, tmp_path):
    manifest = sign_once(gguf, card(parameters), moment=MOMENT)
    assert check_package(gguf.parent) == manifest
    assert manifest.created == "2026-01-02T03:04:05Z"
    key = NoteKey.parse((gguf.parent / KEY).read_text()).key
    shelf = Shelf(tmp_path / "shelf", clock=lambda: MOMENT, trusted={key.key_id: key})
    assert shelf.admit_signed(gguf.parent) == manifest


def test_two_packages_have_two_keys(gguf, parameters):
    one = sign_once(gguf, card(parameters), moment=MOMENT)
    two = sign_once(gguf, card(parameters), moment=MOMENT)
    assert one.key_id != two.key_id


def test_another_signature_is_refused(gguf, parameters):
    sign_once(gguf, card(parameters), moment=MOMENT)
    kept = (gguf.parent / MANIFEST).read_bytes()
    sign_once(gguf, card(parameters), moment=MOMENT)
    (gguf.parent / MANIFEST).write_bytes(kept)
    with pytest.raises(ManifestUntrusted):
        check_package(gguf.parent)


def test_a_card_that_does_not_fit_is_refused(gguf, parameters):
    with pytest.raises(CardMismatch):
        sign_once(gguf, card(parameters * 2), moment=MOMENT)
    assert not (gguf.parent / MANIFEST).exists()
