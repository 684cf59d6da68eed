"""The maker of engines: a model gets its own context, its own socket and its own secret."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.serving.engine_maker import EngineMaker
from models.capacity import Wish, fits
from models.engines.process import ProcessKeeper
from models.errors import DoesNotFit
from models.formats.inspect import inspect_file
from models.hardware.detect import detect_hardware
from models.known.subject import whole_shape
from models.planning.reservations import HOST, Reservations
from models.registry.shelf import ShelvedModel

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model"


class Card:
    id = "wardbox-reference"


@pytest.fixture
def shelved():
    return ShelvedModel(Card(), None, REFERENCE / "wardbox-reference.gguf")


def maker(tmp_path, wish, threads=None):
    server = tmp_path / "llama-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    return EngineMaker(
        (tmp_path,), tmp_path / "run", detect_hardware(), wish, threads, ProcessKeeper()
    )


def test_a_model_made_for_less_gets_its_own_context(tmp_path, shelved):
    made = maker(tmp_path, Wish(context=4096, slots=8), threads=1).make(shelved)
    placement = made.spec.placement
    assert (placement.context, placement.slots, placement.threads) == (2048, 8, 1)
    shorter = maker(tmp_path, Wish(context=512, slots=8)).make(shelved)
    assert shorter.spec.placement.context == 512


def test_the_whole_shape_of_a_model_is_planned_with(tmp_path, shelved, monkeypatch):
    made = maker(tmp_path, Wish(slots=8))
    whole = Reservations.of(made.hardware)
    summary, shape = inspect_file(shelved.path).summary, whole_shape(shelved.path)
    wish = Wish(slots=8, device="cpu")
    assert shape is not None
    assert made.claim(shelved, whole) == fits(summary, made.hardware, wish, whole, shape).claim
    # A cache bounded by a window is smaller, and the plan of the maker knows it.
    windowed = replace(shape, window=64, window_layers=shape.layers)
    monkeypatch.setattr("appliance.serving.engine_maker.whole_shape", lambda _: windowed)
    assert (
        made.claim(shelved, whole)[HOST]
        < fits(summary, made.hardware, wish, whole, shape).claim[HOST]
    )


def test_every_engine_has_a_secret_and_a_private_folder_of_its_own(tmp_path, shelved):
    first = maker(tmp_path, Wish()).make(shelved)
    second = maker(tmp_path, Wish()).make(shelved)
    assert first.secret != second.secret
    assert len(first.secret) > 30
    assert first.spec.runtime_dir != second.spec.runtime_dir
    assert first.spec.runtime_dir.stat().st_mode & 0o777 == 0o700


def test_what_is_lent_is_not_planned_with_again(tmp_path, shelved):
    made = maker(tmp_path, Wish(slots=8))
    whole = Reservations.of(made.hardware)
    claim = made.claim(shelved, whole)
    assert claim[HOST] > 0
    assert made.make(shelved, reserved=whole, adapters=(tmp_path / "a.gguf",)).spec.adapters
    with pytest.raises(DoesNotFit):
        made.claim(shelved, Reservations({HOST: claim[HOST] - 1}))
