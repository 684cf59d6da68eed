"""Which modules are compiled, in which build, and when a build is used."""

import ast
import importlib.util
from pathlib import Path

import pytest

from appliance import compiled
from appliance.compiled import HOUSE, MODULES, digest, in_use, mark, place, use


def source(name: str) -> Path:
    return (HOUSE / name.replace(".", "/")).with_suffix(".py")


@pytest.fixture
def house(tmp_path):
    folder = tmp_path / "house/appliance/room"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("A = 1\n")
    return tmp_path / "house"


@pytest.mark.parametrize("name", MODULES)
def test_a_compiled_module_defines_no_struct(name):
    # mypyc would drop `frozen`, `forbid_unknown_fields` and the like without a word.
    tree = ast.parse(source(name).read_text())
    bases = [
        ast.unparse(base)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    ]
    assert not [base for base in bases if base.endswith(("Struct", "Strict"))]


def test_each_changed_source_makes_another_build(house):
    first = digest(house)
    (house / "appliance/room/one.py").write_text("A = 2\n")
    second = digest(house)
    (house / "models").mkdir()
    (house / "models/two.py").write_text("A = 1\n")
    assert len({first, second, digest(house)}) == 3
    (house / "models/two.py").unlink()
    assert digest(house) == second


def test_what_is_no_source_changes_nothing(house):
    first = digest(house)
    (house / "appliance/notes.txt").write_text("words")
    assert digest(house) == first


def test_a_build_that_is_not_whole_is_not_used(house, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "MODULES", ())
    assert not use(tmp_path, house)
    build = place(tmp_path, house)
    build.mkdir(parents=True)
    assert not use(tmp_path, house)
    assert not in_use()


def test_a_build_is_found_by_name_alone(house, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "MODULES", ("no.such.module",))
    monkeypatch.setattr("sys.meta_path", [])
    build = place(tmp_path, house)
    build.mkdir(parents=True)
    mark(build).write_text("complete\n")
    assert use(tmp_path, house)
    assert in_use()
    spec = importlib.util.find_spec("no")
    assert spec is None
    import sys

    found = sys.meta_path[0].find_spec("no.such.module", None)
    assert found.origin.startswith(str(build / "no/such/module."))


def test_compiled_and_interpreted_do_not_mix(house, tmp_path):
    import appliance.serving.exchange  # noqa: F401

    build = place(tmp_path, house)
    build.mkdir(parents=True)
    mark(build).write_text("complete\n")
    assert not use(tmp_path, house)
