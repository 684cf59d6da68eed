"""The cluster's environment: from exact pins, with the box's own modules behind them, pointed to by the box."""

from pathlib import Path

import pytest

from installer.places import Site
from installer.steps.ray_environment import RayEnvironment
from tests.installer.test_engine_environment import ROOT, Recording


@pytest.fixture
def site(tmp_path):
    pins = tmp_path / "installer/pins"
    pins.mkdir(parents=True)
    (pins / "ray.txt").write_text("ray==1\n")
    (tmp_path / "state").mkdir()
    return Site(checkout=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state")


def test_pins_are_exact_and_hold_what_ray_train_asks_for() -> None:
    lines = (ROOT / "installer/pins/ray.txt").read_text().splitlines()
    assert all(line.count("==") == 1 and " " not in line and "@" not in line for line in lines)
    names = {line.partition("==")[0].lower() for line in lines}
    assert len(names) == len(lines)
    assert {"ray", "pandas", "pyarrow", "fsspec", "requests", "pydantic"} <= names
    assert "torch" not in names


def test_it_is_made_once_and_finds_the_box_s_own_modules(site) -> None:
    step, host = RayEnvironment(site), Recording()
    assert step.needed()
    step.apply(host)
    assert [words[2] for words in host.ran] == ["venv", "pip"]
    assert not step.needed()
    (paths,) = step.place.glob("lib/python3.*/site-packages/wardbox.pth")
    first, second = paths.read_text().splitlines()
    assert Path(first) == site.checkout
    assert Path(second).parts[-4:-2] == (".venv", "lib")
    # Another checkout took the cached one over: it is put right, and nothing is installed again.
    paths.write_text("/elsewhere\n")
    assert step.needed()
    step.link.unlink()
    step.apply(host)
    assert len(host.ran) == 2
    assert not step.needed()
