"""A release gets its environment from here or from itself, never from a network; units watch for requests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import compiled
from installer import apply_fitting
from installer.apply_errors import EnvironmentMissing, SelfStarting
from installer.apply_fitting import Environments, cache_of
from installer.apply_unit import apply_units
from installer.host import Command, Machine
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
    cache = cache_of(running, folder / "software")
    return Environments(folder / "state", cache, host, compile_hot=False)


def test_the_same_pins_run_in_the_same_environment(tmp_path: Path, running: Path) -> None:
    made = release(tmp_path, "one==1\n")
    fitting(tmp_path, running).fit(made, running)
    assert (made / ".venv").resolve() == tmp_path / "cache/env/0123"
    assert cache_of(running, tmp_path / "software") == tmp_path / "cache"


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
    site = Site(made, cache_of(running, tmp_path / "software"), tmp_path / "state")
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


class Noting(Machine):
    """A host that starts nothing and notes what it would have started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "log", self._hear)
        self.heard: list[str] = []
        self.ran: list[tuple[str, ...]] = []

    def _hear(self, line: str) -> None:
        self.heard.append(line)

    def run(self, command: Command) -> None:
        """Note it."""
        self.ran.append(command.argv)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A box that was installed from a medium: its environment came beside its software."""
    made = tmp_path / "medium/wardbox"
    (made / "offline/environment/bin").mkdir(parents=True)
    (made / "constraints.txt").write_text("one==1\n")
    (made / ".venv").symlink_to("offline/environment")
    return made


@pytest.mark.parametrize("writable", [True, False])
def test_the_hot_path_is_compiled_in_the_environment_that_will_load_it(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    """Not in one that its pins would have in a cache: there is none of that name on such a box."""
    monkeypatch.setattr(apply_fitting, "may_write", lambda _path: writable)
    if writable and shutil.which("gcc") is None:
        pytest.skip("there is no compiler")
    made, host = release(tmp_path, "one==1\n"), Noting(tmp_path)
    place = tmp_path / "software"
    Environments(tmp_path / "state", cache_of(shipped, place), host).fit(made, shipped)
    environment = shipped / "offline/environment"
    assert (made / ".venv").resolve() == environment
    if writable:
        ((python, *words, build),) = host.ran
        assert python == str(environment / "bin/python")
        assert words == ["-m", "installer.compiling"]
        assert Path(build) == compiled.place(environment, made)
    else:
        assert host.ran == []
        assert "read-only" in host.heard[0]


def test_a_medium_is_no_cache(tmp_path: Path, shipped: Path) -> None:
    """What a release brings for itself is made beside the releases, and the next one finds it there."""
    place = tmp_path / "software"
    assert cache_of(shipped, place) == place / "cache"
    later = release(tmp_path, "one==2\n")
    (later / ".venv").symlink_to(place / "cache/env/0123")
    assert cache_of(later, tmp_path / "elsewhere") == place / "cache"


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
    # Five refusals in ten minutes were once the end of all updates until a restart.
    assert "StartLimitBurst=15\n" in units[tmp_path / "wardbox-apply.service"]
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
