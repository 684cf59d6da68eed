"""A release gets its environment from here or from itself, never from a network; units watch for requests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from installer.apply_errors import EnvironmentMissing, SelfStarting
from installer.apply_fitting import Environments, cache_of
from installer.apply_unit import apply_units
from installer.host import Machine
from installer.places import ENGINE_VERSION, Site

PACKAGES = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


@pytest.fixture
def running(tmp_path: Path) -> Path:
    made = tmp_path / "running"
    environment = tmp_path / "cache/env/0123"
    (environment / "bin").mkdir(parents=True)
    made.mkdir()
    (made / "constraints.txt").write_text("one==1\n")
    (made / ".venv").symlink_to(environment)
    return made


def release(folder: Path, pins: str) -> Path:
    made = folder / "release"
    made.mkdir()
    (made / "constraints.txt").write_text(pins)
    return made


def fitting(folder: Path, running: Path) -> Environments:
    host = Machine(folder / "log", lambda _line: None)
    return Environments(folder / "state", cache_of(running), host, compile_hot=False)


def test_the_same_pins_run_in_the_same_environment(tmp_path: Path, running: Path) -> None:
    made = release(tmp_path, "one==1\n")
    fitting(tmp_path, running).fit(made, running)
    assert (made / ".venv").resolve() == tmp_path / "cache/env/0123"
    assert cache_of(running) == tmp_path / "cache"


def test_other_pins_without_packages_are_refused(tmp_path: Path, running: Path) -> None:
    made = release(tmp_path, "one==2\n")
    with pytest.raises(EnvironmentMissing):
        fitting(tmp_path, running).fit(made, running)
    assert not (made / ".venv").exists()


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("evil.pth", False),
        ("sitecustomize.py", False),
        ("usercustomize.py", False),
        ("distutils-precedence.pth", True),
        ("one.py", True),
    ],
)
def test_packages_that_start_by_themselves_are_refused(
    tmp_path: Path, running: Path, name: str, *, good: bool
) -> None:
    """An environment and an engine as their steps leave them; only what lies in it differs."""
    made = release(tmp_path, "one==2\n")
    (made / "offline").mkdir()
    site = Site(made, cache_of(running), tmp_path / "state")
    packages = site.environment / PACKAGES
    (packages / f"llama_cpp_python-{ENGINE_VERSION}.dist-info").mkdir(parents=True)
    (packages / name).write_text("import one\n")
    (site.environment / "complete-run").write_text("complete\n")
    site.engine.mkdir(parents=True)
    (site.engine / "built.json").write_text("{}")
    if good:
        fitting(tmp_path, running).fit(made, running)
        assert (made / ".venv").resolve() == site.environment.resolve()
    else:
        with pytest.raises(SelfStarting):
            fitting(tmp_path, running).fit(made, running)


@pytest.mark.parametrize("name", ["plain", "a b/100% of it"])
@pytest.mark.parametrize("root", [True, False])
def test_systemd_finds_nothing_to_say(tmp_path: Path, name: str, *, root: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    checkout = tmp_path / name
    checkout.mkdir(parents=True)
    (checkout / "wardbox").write_text("#!/bin/sh\n")
    (checkout / "wardbox").chmod(0o755)
    units = apply_units(tmp_path, checkout, tmp_path / name / "state", root=root)
    assert [path.name for path in units] == ["wardbox-apply.service", "wardbox-apply.path"]
    for path, text in units.items():
        path.write_text(text)
        words = ("systemd-analyze", "verify", "--man=no", *(() if root else ("--user",)), path)
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            env={"XDG_RUNTIME_DIR": str(tmp_path)},
        )
        assert "wardbox-apply" not in done.stderr, done.stderr
