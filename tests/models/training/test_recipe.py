"""A recipe is read strictly and comes back the same."""

import math

import pytest

from models.training.errors import RecipeMalformed
from models.training.recipe import Adapter, Recipe, Schedule, Shape, load, parse


def test_a_recipe_comes_back_the_same():
    recipe = Recipe("x", adapter=Adapter(rank=8), schedule=Schedule(steps=7, minutes=1.5))
    assert parse(recipe.as_dict()) == recipe


def test_toml_is_read(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(
        'name = "x"\nseed = 3\n[schedule]\nsteps = 10\nminutes = 2\n[shape]\nwidth = 64\n'
    )
    recipe = load(path)
    assert recipe.schedule.minutes == 2.0
    assert recipe.shape.width == 64


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "recipe"),
        ({"name": " "}, "name"),
        ({"name": "x", "sed": 1}, "recipe.sed"),
        ({"name": "x", "seed": "1"}, "recipe.seed"),
        ({"name": "x", "seed": True}, "recipe.seed"),
        ({"name": "x", "seed": -1}, "seed"),
        ({"name": "x", "threads": 0}, "threads"),
        ({"name": "x", "precision": "int4"}, "recipe.precision"),
        ({"name": "x", "shape": []}, "recipe.shape"),
        ({"name": "x", "shape": {"heads": 3, "kv_heads": 2}}, "kv_heads"),
        ({"name": "x", "shape": {"head_dim": 63}}, "head_dim"),
        ({"name": "x", "shape": {"layers": 1 << 40}}, "layers"),
        ({"name": "x", "schedule": {"steps": 0}}, "steps"),
        ({"name": "x", "schedule": {"decay": 1.5}}, "decay"),
        ({"name": "x", "schedule": {"matrix_rate": math.nan}}, "recipe.schedule.matrix_rate"),
        ({"name": "x", "schedule": {"clip": math.inf}}, "recipe.schedule.clip"),
        ({"name": "x", "adapter": {"rank": 0}}, "rank"),
        ({"name": "x", "adapter": {"dropout": 1.0}}, "dropout"),
    ],
)
def test_a_wrong_recipe_names_the_field(document, named):
    with pytest.raises(RecipeMalformed) as refusal:
        parse(document)
    assert refusal.value.facts["field"] == named
    assert refusal.value.way_out


@pytest.mark.parametrize("content", [b"\xff", b"name = ", b"[[name]]"])
def test_a_broken_file_is_refused(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeMalformed):
        load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RecipeMalformed):
        load(tmp_path / "none.toml")


def test_the_shape_of_defaults_is_the_reference():
    assert Shape().head_dim == 64
